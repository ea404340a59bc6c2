// Time as a core sees it: a monotonic instant, a wall clock, and callbacks at an instant.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace sluice::rt {

using Duration = std::chrono::nanoseconds;

// A point on the monotonic clock. Comparable within one process only.
struct Instant {
  Duration since_start{0};

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant at, Duration by) { return {at.since_start + by}; }
  friend constexpr Duration operator-(Instant a, Instant b) {
    return a.since_start - b.since_start;
  }
};

enum class TimerId : std::uint64_t {};

// Owned by one core and used on it alone.
class Clock {
 public:
  virtual ~Clock() = default;

  virtual Instant now() const = 0;

  // Wall time in milliseconds since 1970, which may step backwards.
  virtual std::int64_t wall_ms() const = 0;

  // Runs `callback` on this core's loop once `at` has passed, never before this call returns.
  virtual TimerId call_at(Instant at, std::function<void()> callback) = 0;

  // After this the callback does not run; an id that has run or was cancelled is ignored.
  virtual void cancel(TimerId id) = 0;
};

}  // namespace sluice::rt
