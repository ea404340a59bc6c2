#include "tunnel/catch_up.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace sluice::tunnel {

namespace {

// Shares of the least round trip. A link's queue mostly holds half of one, or more.
constexpr int kLittleQueue = 8;
constexpr int kMuchQueue = 5;
// 256ths, each time it is measured: up to what the link has been seen to carry, and beyond, more for each
// second without a queue: it may have been seen while other things held up what arrived.
constexpr std::uint64_t kGrowsByMost = 8;
constexpr std::uint64_t kGrowsByAbove = 2;
constexpr int kRoundsUnheard = 2;  // until round trips are not those of before any more
constexpr int kRoundsDoubted = 4;
constexpr Time kDoubtedMin = 5 * CatchUp::kInterval;
constexpr Time kQueueMin = std::chrono::milliseconds(10);  // less may be anything
constexpr std::uint64_t kSlowerMost = 4;                   // times, than before the cut
constexpr std::uint64_t kLimitLeast = 1024 * 1024;

}  // namespace

void CatchUp::begin(std::uint64_t bytes_s, Time now) {
  is_on_ = true;
  is_ramping_ = true;
  has_given_up_ = false;
  began_ = short_ = queueing_ = stepped_ = needed_ = measured_ = now;
  arrived_ = {};
  limit_ = carries_ = std::max(bytes_s, kLimitLeast);
  queueing_since_.reset();
  least_limit_ = bytes_s / kSlowerMost;
}

void CatchUp::measure(const Seen& seen, Time now) {
  if (!is_on_) return;
  if (measured_ == began_) sent_ = seen.sent;
  note_arrived(seen.arrived, now);
  if (seen.is_behind) needed_ = now;
  has_given_up_ = now - short_ > kEndsQueueing;
  if (now - needed_ > kEndsAfter || has_given_up_) {
    is_on_ = false;
    limit_.reset();
    return;
  }
  if (seen.least == Time{0}) return limit_.reset();  // the path cannot be seen
  const Time queue = seen.round_trip - seen.least;
  const bool is_heard = now - began_ > std::max(kRoundsUnheard * seen.least, 3 * kInterval);
  const Time little = std::max(seen.least / kLittleQueue, kQueueMin);
  const Time much = std::max(seen.least / kMuchQueue, kQueueMin);
  if (queue <= much) short_ = now;
  if (queue >= little) queueing_ = now;
  if (!limit_) return;
  if (is_ramping_) return ramp(seen, queue > little && is_heard, now);
  if (queue > much && now - stepped_ >= 2 * seen.least) {
    stepped_ = now;
    hold_to(arrives_steadily(), 8);
  } else if (queue < little) {
    grow(now);
  }
}

void CatchUp::grow(Time now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - queueing_).count();
  const auto beyond = kGrowsByAbove * (1 + static_cast<std::uint64_t>(seconds));
  *limit_ += *limit_ * (*limit_ < carries_ ? kGrowsByMost : std::min(beyond, kGrowsByMost)) / 256;
}

void CatchUp::note_arrived(std::uint64_t bytes, Time now) {
  const auto passed = std::chrono::duration<double>(now - std::exchange(measured_, now)).count();
  const auto rate = passed > 0 ? static_cast<double>(bytes) / passed : 0;
  std::ranges::rotate(arrived_, arrived_.end() - 1);
  arrived_.front() = static_cast<std::uint64_t>(rate);
}

// While there is a queue what arrives is what the link carries, whatever is sent. With less than that, by
// one part of so many, the queue gets shorter.
void CatchUp::hold_to(std::uint64_t carried, std::uint64_t parts) {
  carries_ = carried;
  *limit_ = std::max({std::min(*limit_, carries_ - carries_ / parts), least_limit_, kLimitLeast});
}

std::uint64_t CatchUp::arrives() const {
  return (arrived_[0] + arrived_[1]) / 2;
}

// What comes late comes in a heap: neither the hole nor the heap is what the link carries, both together are.
std::uint64_t CatchUp::arrives_steadily() const {
  constexpr std::size_t kTogether = 4;
  std::uint64_t most = 0;
  for (const auto* first = arrived_.begin(); first + kTogether <= arrived_.end(); ++first) {
    most = std::max(most, std::accumulate(first, first + kTogether, std::uint64_t{0}));
  }
  return most / kTogether;
}

// Round trips are smoothed, and for a while those of a timeout. If far less arrives than is sent, the queue
// is one of before, or the link has become slower: then it stays.
bool CatchUp::is_full(bool is_queueing, const Seen& seen, Time now) {
  if (!is_queueing) queueing_since_.reset();
  if (is_queueing && !queueing_since_) queueing_since_ = now;
  if (!is_queueing) return false;
  return arrives() >= *limit_ / 2 ||
         now - *queueing_since_ >= std::max(kRoundsDoubted * seen.least, kDoubtedMin);
}

// What made the queue grow was sent a round trip ago, and more has been sent since.
void CatchUp::ramp(const Seen& seen, bool is_queueing, Time now) {
  // What was under way when it began tells more of the link than what got through in order before.
  *limit_ = std::max(*limit_, arrives_steadily() / 4 * 3);
  const auto passed = std::chrono::duration<double>(now - stepped_).count();
  const auto used = static_cast<double>(seen.sent - sent_);
  if (is_full(is_queueing, seen, now)) {
    is_ramping_ = false;
    hold_to(arrives(), 4);
    least_limit_ = *limit_;
    stepped_ = now;
  } else if (!is_queueing && now - stepped_ >= seen.least) {
    const bool is_used = used > 0.75 * passed * static_cast<double>(*limit_);
    if (is_used) *limit_ += *limit_ / 4;
    stepped_ = now;
    sent_ = seen.sent;
  }
}

}  // namespace sluice::tunnel
