#include "tunnel/yield.h"

#include <algorithm>

namespace sluice::tunnel {

namespace {

// What is queued if it is more, or more than a twelfth of the round trip: BBR sends in bursts, which
// queue for some milliseconds on a link that is half idle.
constexpr Time kQueueMin = std::chrono::milliseconds(10);
constexpr int kQueueShare = 12;
constexpr int kMuchShare = 4;  // a queue that is nearly full: what is lost there is sent once more
constexpr std::uint64_t kRateMin = 256 * 1024;
constexpr std::uint64_t kRampFrom = 2 * 1024 * 1024;
constexpr Time kSpareMax = std::chrono::milliseconds(5);  // of a rate that was not used

// Two round trips of 200 ms: what was queued before the last step has gone by then.
constexpr int kIntervalsBetweenSteps = 2;

}  // namespace

void Yield::begin(std::uint64_t best_bytes_s) {
  if (limit_) return;
  limit_ = before_ = std::max(2 * best_bytes_s, kRampFrom);
  is_ramping_ = true;
}

void Yield::measure(const Seen& seen) {
  ++since_less_;
  const Time queue = seen.round_trip - seen.least;
  if (limit_ && is_ramping_) return ramp(seen, queue > kQueueMin);
  const bool is_queueing = queue > std::max(kQueueMin, seen.least / kQueueShare);
  if (!limit_) {
    if (!is_queueing) return;
    limit_ = std::max(seen.delivered_bytes_s, kRateMin);
  }
  if (!is_queueing) {
    *limit_ += *limit_ / 64;
  } else if (since_less_ >= kIntervalsBetweenSteps) {
    since_less_ = 0;
    const bool is_much = queue > seen.least / kMuchShare;
    *limit_ = std::max(*limit_ - *limit_ / (is_much ? 4 : 8), kRateMin);
  }
}

// What made the queue grow was sent a round trip ago.
void Yield::ramp(const Seen& seen, bool is_queueing) {
  if (is_queueing) {
    is_ramping_ = false;
    since_less_ = 0;
    *limit_ = std::max(before_ - before_ / 8, kRateMin);
  } else if (seen.sent_bytes_s > *limit_ * 3 / 4) {
    before_ = *limit_;
    *limit_ += *limit_ / 4;
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
