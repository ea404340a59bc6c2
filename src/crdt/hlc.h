// Hybrid logical clock: timestamps that follow wall time yet never run behind what was seen.
#pragma once

#include <compare>
#include <cstdint>

namespace sluice::crdt {

// Milliseconds since the epoch in the upper 48 bits, a counter in the lower 16: one number orders both
// (Kulkarni, Demirbas et al., "Logical Physical Clocks", 2014).
struct Hlc {
  std::uint64_t bits = 0;

  std::uint64_t wall_ms() const { return bits >> 16U; }
  friend constexpr auto operator<=>(const Hlc&, const Hlc&) = default;
};

// Of what was there before anybody noted anything.
inline constexpr Hlc kOldHlc{1};

// The stamp for what happens at `wall_ms` to somebody whose newest seen stamp is `seen`: greater than
// `seen`, whatever the wall clock does. A full counter borrows a millisecond from the future.
constexpr Hlc tick(Hlc seen, std::uint64_t wall_ms) {
  const Hlc now{wall_ms << 16U};
  return now > seen ? now : Hlc{seen.bits + 1};
}

}  // namespace sluice::crdt
