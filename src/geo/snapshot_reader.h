// A peer's snapshot, piece by piece: what GEO.MERGE is told of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "rdb/dialect.h"
#include "rdb/scanner.h"

namespace sluice::geo {

// All that sluice-geo.so had saved.
struct SavedModule {
  std::string state;
};
struct SnapshotLibrary {
  std::string code;
};
struct SnapshotKey {
  std::uint32_t db = 0;
  std::string name;
  std::uint64_t deadline = 0;  // Unix time in ms; 0: none
  std::string value;           // as DUMP would have it, and RESTORE of any server takes it
};
using SnapshotItem = std::variant<SavedModule, SnapshotLibrary, SnapshotKey>;

// Holds one key at a time, and checks the whole by its checksum.
class SnapshotReader {
 public:
  // A key's value, or what the module saved. The server takes 512 MiB, unless told to take more (proto-max-bulk-len).
  static constexpr std::size_t kItemBytesMax = std::size_t{1} << 30U;

  // Any piece, in order; then next() until there is nothing more. kProtocol: not an RDB, or of a kind that cannot be
  // read. kCorrupt: the checksum differs.
  Result<> feed(std::string_view bytes);
  Result<std::optional<SnapshotItem>> next();
  // kProtocol: the snapshot ended too early.
  Result<> finish() const;

 private:
  struct Loop {
    const char* begin = nullptr;
    std::uint64_t left = 0;
  };
  struct Length {
    std::uint64_t value = 0;
    bool is_encoding = false;
    std::size_t bytes = 0;
  };

  Result<bool> step();
  Result<bool> begin();
  Result<bool> element(char kind);
  Result<bool> string();
  Result<bool> module_value();
  void settle();
  Result<std::optional<SnapshotItem>> complete();
  Result<std::string> value_for_all() const;
  std::optional<Length> length_at(std::size_t at) const;
  Result<std::string> text_at(std::size_t at) const;
  std::string_view unread() const { return std::string_view(held_).substr(done_); }

  rdb::Scanner scanner_;
  std::optional<rdb::Dialect> dialect_;
  std::string held_;
  std::size_t done_ = 0;  // of held_: items before the present one
  std::size_t at_ = 0;    // the next element, counted from done_
  const char* layout_ = nullptr;
  std::array<Loop, 3> loops_{};
  std::size_t depth_ = 0;
  bool is_at_end_ = false;

  std::uint8_t opcode_ = 0;
  std::size_t name_end_ = 0;               // of a key
  std::vector<std::size_t> active_times_;  // where they stand in a stream of Redis 7.2
  std::uint64_t number_ = 0;               // the last plain length or raw number
  int module_strings_ = 0;                 // of an aux field so far
  std::size_t module_text_ = 0;            // where the last of them begins
  std::uint64_t module_id_ = 0;
  std::uint32_t db_ = 0;
  std::uint64_t deadline_ = 0;
};

}  // namespace sluice::geo
