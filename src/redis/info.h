// What INFO answers, as fields by name.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::redis {

class Info {
 public:
  // Lines that are not "name:value" are passed over; of a name that comes twice the first counts.
  static Info parse(std::string_view text);

  // Empty if there is no such field.
  std::string_view field(std::string_view name) const;
  // 0 if there is no such field, or it does not begin with a number.
  std::uint64_t number(std::string_view name) const;
  // A part of a field such as db0's "keys=3,expires=0" or slave0's; 0 if it is not there.
  std::uint64_t part(std::string_view name, std::string_view key) const;

  // Of all databases.
  std::uint64_t keys() const;

  // What the node has executed: of the stream it makes, or of its master's if it is a replica.
  std::uint64_t replication_offset() const;

 private:
  std::map<std::string, std::string, std::less<>> fields_;
};

}  // namespace sluice::redis
