// Chance that repeats itself: splitmix64 from a seed.
#pragma once

#include <cstdint>

#include "wan/quantity.h"

namespace sluice::wan {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : seed_(seed), state_(seed) {}

  // True for `share` of the calls, on average.
  bool strikes(Share share) { return share.of_one > 0 && next() < share.of_one; }

  // The `index`-th of a series of numbers in [0, 1), whatever was asked before.
  double at(std::uint64_t index) const { return unit(mix(seed_ ^ mix(index + 1))); }

 private:
  double next() {
    state_ += 0x9e3779b97f4a7c15;
    return unit(mix(state_));
  }
  static double unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }
  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  }

  std::uint64_t seed_;
  std::uint64_t state_;
};

}  // namespace sluice::wan
