// Writes small RDBs of strings, for tests and simulations.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::rdb {

class Writer {
 public:
  Writer();  // in the format of Redis 7.0, which every engine reads

  void aux(std::string_view name, std::string_view value);
  void select(std::uint32_t db);
  void set(std::string_view key, std::string_view value,
           std::optional<std::uint64_t> expiry_ms = std::nullopt);

  // The whole RDB; the writer is of no more use.
  std::string finish();

 private:
  void append_length(std::uint64_t length);
  void append_string(std::string_view bytes);
  void append_fixed(std::uint64_t number);

  std::string bytes_;
};

}  // namespace sluice::rdb
