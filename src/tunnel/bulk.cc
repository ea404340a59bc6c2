#include "tunnel/bulk.h"

#include <algorithm>
#include <utility>

namespace sluice::tunnel {

void BulkDetector::note(Held held, Time now) {
  const Time passed = now - std::exchange(noted_, now);
  if (held_ == Held::kByStripes) by_stripes_ += passed;
  if (held_ == Held::kByReader) by_reader_ += passed;
  held_ = held;
}

void BulkDetector::measure(std::uint64_t delivered) {
  constexpr Time kMuch = kRateInterval / 2;
  const Time by_stripes = std::exchange(by_stripes_, Time{0});
  const Time by_either = by_stripes + std::exchange(by_reader_, Time{0});
  was_limited_ = by_stripes >= kMuch;
  int more = was_limited_ ? 1 : 0;
  if (by_either < kMuch || delivered < kBytes) more = -1;
  intervals_ = std::clamp(intervals_ + more, 0, kIntervalsMost);
}

}  // namespace sluice::tunnel
