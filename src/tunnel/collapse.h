// Notices connections that carry next to nothing for good, as BBR's now and then do on lossy paths.
#pragma once

#include <cstdint>
#include <optional>

#include "tunnel/limits.h"

namespace sluice::tunnel {

// Measured once per interval. A flow that collapsed stays so for its whole life, so a few intervals
// suffice; one bad interval is weather.
inline constexpr Time kRateInterval = std::chrono::seconds(1);
inline constexpr int kSlowIntervals = 3;

// One connection beside its siblings.
class CollapseDetector {
 public:
  static constexpr std::uint64_t kFarUnder = 8;  // times slower than the best sibling
  static constexpr int kYoungIntervals = 5;  // it has to find its share of a path that others fill

  // `delivered` so far; `owes`: some of what was sent has not been.
  void measure(std::uint64_t delivered, bool owes);
  std::uint64_t in_interval() const { return in_interval_; }
  bool was_busy() const { return was_busy_; }

  // Once per interval, after all have measured. True if it is to be replaced.
  bool is_collapsed(std::uint64_t best_in_interval);

 private:
  std::uint64_t delivered_ = 0;
  std::uint64_t in_interval_ = 0;
  bool owed_ = false;
  bool was_busy_ = false;
  int age_ = 0;  // in intervals, up to kYoungIntervals
  int slow_ = 0;
};

// All connections of a tunnel together, beside what they gave before: when there is but one, or when
// all have collapsed. It may also be the path that has become slower, so it asks ever less often.
class TunnelRate {
 public:
  static constexpr std::uint64_t kFarUnder = 2;  // times slower than before
  static constexpr Time kPauseMin = std::chrono::seconds(5);
  static constexpr Time kPauseMax = std::chrono::seconds(60);

  // Once per interval. `is_limited`: more waited to be sent, and the far reader was not the reason.
  // True if the slowest connection is to be replaced.
  bool is_collapsed(std::uint64_t in_interval, bool is_limited, Time now);

  std::uint64_t best() const { return best_; }

 private:
  std::uint64_t best_ = 0;  // forgotten by half in about half a minute
  int slow_ = 0;
  Time pause_ = kPauseMin;
  Time paused_until_{0};
};

}  // namespace sluice::tunnel
