#include "tunnel/collapse.h"

#include <algorithm>

namespace sluice::tunnel {

void CollapseDetector::measure(std::uint64_t delivered, bool owes) {
  in_interval_ = delivered - delivered_;
  delivered_ = delivered;
  was_busy_ = owes && owed_;
  owed_ = owes;
  age_ = std::min(age_ + 1, kYoungIntervals + 1);
}

bool CollapseDetector::is_collapsed(std::uint64_t best_in_interval) {
  const bool is_young = age_ <= kYoungIntervals;
  const bool is_slow = !is_young && was_busy_ && in_interval_ < best_in_interval / kFarUnder;
  slow_ = is_slow ? slow_ + 1 : 0;
  return slow_ >= kSlowIntervals;
}

bool TunnelRate::is_collapsed(std::uint64_t in_interval, bool is_limited, Time now) {
  best_ = std::max(best_ - best_ / 50, in_interval);
  const bool is_slow = is_limited && in_interval < best_ / kFarUnder;
  slow_ = is_slow ? slow_ + 1 : 0;
  if (!is_slow && is_limited) pause_ = kPauseMin;
  if (slow_ < kSlowIntervals || now < paused_until_) return false;
  slow_ = 0;
  paused_until_ = now + pause_;
  pause_ = std::min(2 * pause_, kPauseMax);
  return true;
}

}  // namespace sluice::tunnel
