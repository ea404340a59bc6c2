// What GEO.* commands read: numbers among their words, the server's clocks, and whose word it is.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>

#include "module/keyspace.h"
#include "module/link_positions.h"

namespace sluice::module {

// Decimal, the whole word; nullopt for anything else.
template <typename Number>
std::optional<Number> number(String* word) {
  Number value{};
  const auto digits = bytes_of(word);
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

// source replid offset
inline Result<Position> position_of(String** words) {
  return parse_position(bytes_of(words[0]), bytes_of(words[1]), bytes_of(words[2]));
}

inline std::uint64_t now_ms() {
  return static_cast<std::uint64_t>(api::Milliseconds());
}

// For what takes a while: the wall clock may be set, by hours.
inline std::uint64_t steady_ms() {
  return api::MonotonicMicroseconds() / 1000;
}

// By its stream, or out of the AOF.
inline bool comes_from_master(Ctx* ctx) {
  return (api::GetContextFlags(ctx) & (kFlagReplicated | kFlagLoading)) != 0;
}

}  // namespace sluice::module
