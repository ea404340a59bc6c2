// How long to wait before the next attempt to connect.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace sluice::repl {

// 100 ms doubled per failure, at most 12.8 s: a WAN flap heals fast, a dead site is not hammered.
// Of that a random half to whole, so that all who lost one master do not come back at once.
constexpr std::chrono::milliseconds backoff(unsigned failures, std::uint64_t random) {
  const auto longest = 100ULL << std::min(failures, 7U);
  return std::chrono::milliseconds(longest / 2 + random % (longest / 2 + 1));
}

}  // namespace sluice::repl
