// The round trip of a connection, so that half of it can be taken off what came back over it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "rt/clock.h"

namespace sluice::delay {

// The shortest of the last few: longer ones waited behind something. (NTP: the clock filter of RFC
// 5905 keeps the sample of the least delay of eight.)
class RoundTrip {
 public:
  static constexpr std::size_t kSamples = 8;

  void observe(rt::Duration sample) {
    samples_[count_ % kSamples] = sample;
    ++count_;
  }

  std::optional<rt::Duration> shortest() const {
    if (count_ == 0) return std::nullopt;
    return std::ranges::min(std::span(samples_).first(std::min(count_, kSamples)));
  }

  // Zero before the first sample.
  rt::Duration half() const { return shortest().value_or(rt::Duration::zero()) / 2; }

 private:
  std::array<rt::Duration, kSamples> samples_{};
  std::size_t count_ = 0;
};

}  // namespace sluice::delay
