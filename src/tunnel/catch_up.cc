#include "tunnel/catch_up.h"

#include <algorithm>
#include <utility>

namespace sluice::tunnel {

namespace {

// Shares of the least round trip. A link's queue mostly holds half of one, or more.
constexpr int kLittleQueue = 8;
constexpr int kMuchQueue = 5;
constexpr std::uint64_t kGrowsByLeast = 4;  // 256ths, each time it is measured; ever faster
constexpr std::uint64_t kGrowsByMost = 12;
constexpr int kRoundsUnheard = 2;  // until round trips are not those of before any more
constexpr std::uint64_t kLimitLeast = 1024 * 1024;

}  // namespace

void CatchUp::begin(std::uint64_t bytes_s, Time now) {
  is_on_ = true;
  is_ramping_ = true;
  began_ = stepped_ = needed_ = now;
  limit_ = before_ = std::max(bytes_s, kLimitLeast);
  least_limit_ = 0;
}

void CatchUp::measure(const Seen& seen, Time now) {
  if (!is_on_) return;
  if (seen.is_behind) needed_ = now;
  if (now - needed_ > kEndsAfter || now - began_ > kLongest) {
    is_on_ = false;
    limit_.reset();
    return;
  }
  if (seen.least == Time{0}) return limit_.reset();  // the path cannot be seen
  const Time queue = seen.round_trip - seen.least;
  const bool is_much =
      queue > seen.least / kMuchQueue && now - began_ > kRoundsUnheard * seen.least;
  if (!limit_) return;
  if (is_ramping_) return ramp(seen, is_much, now);
  if (is_much && now - stepped_ >= 2 * seen.least) {
    stepped_ = now;
    *limit_ = std::max(*limit_ - *limit_ / 8, least_limit_);
    grows_by_ = kGrowsByLeast;
  } else if (is_much) {
    grows_by_ = kGrowsByLeast;
  } else if (queue < seen.least / kLittleQueue) {
    *limit_ += *limit_ * grows_by_ / 256;
    grows_by_ = std::min(grows_by_ + 2, kGrowsByMost);
  }
}

// What made the queue grow was sent a round trip ago.
void CatchUp::ramp(const Seen& seen, bool is_much, Time now) {
  const auto passed = std::chrono::duration<double>(now - stepped_).count();
  const auto used = static_cast<double>(seen.sent - sent_);
  if (is_much) {
    is_ramping_ = false;
    *limit_ = before_ - before_ / 16;
    least_limit_ = *limit_ * 3 / 4;
    grows_by_ = kGrowsByLeast;
    stepped_ = now;
  } else if (now - stepped_ >= seen.least) {
    const bool is_used = used > 0.75 * passed * static_cast<double>(*limit_);
    before_ = is_used ? *limit_ : std::min(before_, *limit_);
    if (is_used) *limit_ += *limit_ / 4;
    stepped_ = now;
    sent_ = seen.sent;
  }
}

}  // namespace sluice::tunnel
