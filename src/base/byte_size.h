// An amount of bytes, as people write it: 64GiB, 256MB, 4096.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::base {

struct ByteSize {
  std::uint64_t bytes = 0;
  friend constexpr auto operator<=>(ByteSize, ByteSize) = default;
};

inline namespace size_literals {
constexpr ByteSize operator""_KiB(unsigned long long n) {
  return {n << 10};
}
constexpr ByteSize operator""_MiB(unsigned long long n) {
  return {n << 20};
}
constexpr ByteSize operator""_GiB(unsigned long long n) {
  return {n << 30};
}
}  // namespace size_literals

// KiB, MiB, GiB, TiB are powers of 1024; KB, MB, GB, TB powers of 1000; B or nothing means bytes.
// A lone G is refused, since it is read both ways.
Result<ByteSize> parse_byte_size(std::string_view text);

// Exact: the largest power of 1024 that divides the amount, "1536KiB".
std::string to_string(ByteSize size);

// Rounded for people: "1.5 MiB".
std::string to_rounded(ByteSize size);

}  // namespace sluice::base
