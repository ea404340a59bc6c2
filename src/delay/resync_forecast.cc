#include "delay/resync_forecast.h"

#include <algorithm>
#include <cmath>

namespace sluice::delay {
namespace {

// Beyond it a forecast says nothing; it also keeps a division by nearly nothing representable.
constexpr double kSecondsMax = 10.0 * 365 * 86400;
constexpr double kSpeedMin = 1;  // bytes a second that count as standing still

std::optional<rt::Duration> time_for(double bytes, double bytes_per_second) {
  if (bytes_per_second < kSpeedMin) return std::nullopt;
  const auto seconds = std::min(std::max(bytes, 0.0) / bytes_per_second, kSecondsMax);
  return std::chrono::duration_cast<rt::Duration>(std::chrono::duration<double>(seconds));
}

std::optional<rt::Duration> sooner(std::optional<rt::Duration> a, std::optional<rt::Duration> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

Forecast forecast(const Window& upstream, const Followed& node) {
  Forecast result;
  if (node.offset < upstream.first) {
    result.is_lost = true;
    return result;
  }
  const auto lag = static_cast<double>(upstream.end - std::min(node.offset, upstream.end));
  const auto room = static_cast<double>(upstream.bytes_max) - lag;
  result.if_stopped = time_for(room, node.stream_bytes_per_second);
  const auto growth = node.stream_bytes_per_second - node.bytes_per_second;
  // A node that keeps up is a little faster or slower by chance at any moment.
  const bool falls_behind = lag > 0 && growth > node.stream_bytes_per_second / 100;
  if (falls_behind) result.as_now = time_for(room, growth);
  if (!upstream.age_max) return result;
  // The oldest byte it lacks has this age; at the present rate, for want of the true one.
  const auto age = time_for(lag, node.stream_bytes_per_second).value_or(rt::Duration::zero());
  const auto left = std::max(*upstream.age_max - age, rt::Duration::zero());
  result.if_stopped = sooner(result.if_stopped, left);
  const bool stands_still = node.bytes_per_second < kSpeedMin;
  if (falls_behind && stands_still) result.as_now = sooner(result.as_now, left);
  return result;
}

void Speed::observe(std::uint64_t offset, rt::Instant at) {
  if (!offset_ || offset < *offset_) {
    *this = Speed{};
    offset_ = offset;
    at_ = at;
    return;
  }
  const std::chrono::duration<double> passed = at - at_;
  if (passed.count() <= 0) return;
  const auto now = static_cast<double>(offset - *offset_) / passed.count();
  const std::chrono::duration<double> half_life = kHalfLife;
  const auto kept = has_speed_ ? std::exp2(-passed.count() / half_life.count()) : 0.0;
  speed_ = speed_ * kept + now * (1 - kept);
  has_speed_ = true;
  offset_ = offset;
  at_ = at;
}

}  // namespace sluice::delay
