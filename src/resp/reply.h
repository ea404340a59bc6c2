// A reply of a Redis, RESP2 or RESP3, as a value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::resp {

struct Reply {
  enum class Kind : std::uint8_t {
    kNull,  // of RESP3, and the null string and null array of RESP2
    kSimple,
    kError,
    kInteger,
    kBulk,
    kBoolean,
    kDouble,
    kBigNumber,
    kVerbatim,
    kArray,
    kSet,
    kMap,  // elements: key, value, key, value, ...
    kPush
  };

  Kind kind = Kind::kNull;
  std::string text;             // of an error: with its code, "ERR unknown command"
  std::int64_t integer = 0;     // 0 or 1 of a boolean
  double number = 0;            // of a double; `text` holds it as it was sent
  std::vector<Reply> elements;  // of an array, set, map, push

  bool is_null() const { return kind == Kind::kNull; }
  bool is_error() const { return kind == Kind::kError; }
  bool is_ok() const { return kind == Kind::kSimple && text == "OK"; }

  friend bool operator==(const Reply&, const Reply&) = default;
};

}  // namespace sluice::resp
