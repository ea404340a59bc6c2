// The one source of chance in a simulated world: splitmix64, from the world's seed.
#pragma once

#include <cstdint>

#include "base/check.h"

namespace sluice::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15;
    return mix(state_);
  }

  // Uniform enough in [0, end); end > 0.
  std::uint64_t below(std::uint64_t end) {
    CHECK(end > 0);
    return bits() % end;
  }

  // In [first, last].
  std::uint64_t between(std::uint64_t first, std::uint64_t last) {
    return first + below(last - first + 1);
  }

  // True once in `times` calls, on average.
  bool one_in(std::uint64_t times) { return below(times) == 0; }

  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::sim
