#include "tunnel/yield.h"

#include <algorithm>

namespace sluice::tunnel {

namespace {

// What is queued if it is more, or more than a twelfth of the round trip: BBR sends in bursts, which
// queue for some milliseconds on a link that is half idle.
constexpr Time kQueueMin = std::chrono::milliseconds(10);
constexpr int kQueueShare = 12;
constexpr std::uint64_t kRateMin = 256 * 1024;
constexpr Time kSpareMax = std::chrono::milliseconds(5);  // of a rate that was not used

// Two round trips of 200 ms: what was queued before the last step has gone by then.
constexpr int kIntervalsBetweenSteps = 2;

}  // namespace

void Yield::measure(std::uint64_t bytes_s, Time round_trip, Time least) {
  ++since_less_;
  const Time queue = round_trip - least;
  const bool is_queueing = queue > std::max(kQueueMin, least / kQueueShare);
  if (!limit_) {
    if (!is_queueing) return;
    limit_ = std::max(bytes_s, kRateMin);
  }
  if (!is_queueing) {
    *limit_ += *limit_ / 64;
  } else if (since_less_ >= kIntervalsBetweenSteps) {
    since_less_ = 0;
    *limit_ = std::max(*limit_ - *limit_ / 8, kRateMin);
  }
}

void Bucket::set_rate(std::optional<std::uint64_t> bytes_s, Time now) {
  if (!bytes_s_) free_at_ = now;
  bytes_s_ = bytes_s;
}

void Bucket::take(std::uint64_t bytes, Time now) {
  if (!bytes_s_) return;
  const auto took = static_cast<double>(bytes) / static_cast<double>(*bytes_s_);
  free_at_ = std::max(free_at_, now - kSpareMax) +
             std::chrono::duration_cast<Time>(std::chrono::duration<double>(took));
}

std::optional<Time> Bucket::free_at() const {
  return bytes_s_ ? std::optional(free_at_) : std::nullopt;
}

}  // namespace sluice::tunnel
