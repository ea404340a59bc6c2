// A token bucket: how much may be sent now, or when the next byte may.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "rt/clock.h"

namespace sluice::keeper {

// Holds a tenth of a second's worth, so that a limited sender moves in small steps.
class RateLimit {
 public:
  // 0 bytes per second: no limit.
  explicit RateLimit(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}

  // How many of `wanted` bytes may be sent at `now`; 0: ask again at next().
  std::size_t grant(std::size_t wanted, rt::Instant now) {
    if (rate_ == 0) return wanted;
    refill(now);
    const auto granted = std::min(wanted, static_cast<std::size_t>(std::max(tokens_, 0.0)));
    return granted >= std::min(wanted, step()) ? granted : 0;
  }
  void spend(std::size_t bytes) {
    if (rate_ != 0) tokens_ -= static_cast<double>(bytes);
  }
  // How long a refused sender waits.
  rt::Duration wait() const {
    if (rate_ == 0) return rt::Duration{0};
    const auto missing = std::max(static_cast<double>(step()) - tokens_, 1.0);
    return rt::Duration(static_cast<std::int64_t>(missing / static_cast<double>(rate_) * 1e9) + 1);
  }

 private:
  // The least that is worth a wake-up: ten milliseconds' worth.
  std::size_t step() const {
    return static_cast<std::size_t>(std::max<std::uint64_t>(rate_ / 100, 1));
  }

  void refill(rt::Instant now) {
    const auto seconds = std::chrono::duration<double>(now - at_).count();
    const auto full = static_cast<double>(rate_) / 10 + 1;
    tokens_ = std::min(full, tokens_ + seconds * static_cast<double>(rate_));
    at_ = now;
  }

  std::uint64_t rate_;
  double tokens_ = 0;
  rt::Instant at_;
};

}  // namespace sluice::keeper
