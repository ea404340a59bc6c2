// Whether a delay is worth waking somebody: raised above one bound, lifted below another.
#pragma once

#include <cstdint>
#include <optional>

#include "rt/clock.h"

namespace sluice::delay {

struct AlertBounds {
  rt::Duration above = std::chrono::seconds(1);         // raised once the value is over this
  rt::Duration below = std::chrono::milliseconds(500);  // lifted once it stays under this
  rt::Duration raise_after = std::chrono::seconds(0);   // for so long without a break
  rt::Duration lift_after = std::chrono::seconds(2);
};

//   calm --over `above` for raise_after--> raised --under `below` for lift_after--> calm
//
// Between the bounds nothing changes and both waits begin anew, so a value that hovers about one
// bound raises one alert.
class Alert {
 public:
  enum class Change : std::uint8_t { kNone, kRaised, kLifted };

  explicit Alert(AlertBounds bounds) : bounds_(bounds) {}

  // Nothing known about the value is no reason to change.
  Change observe(std::optional<rt::Duration> value, rt::Instant now) {
    const bool is_beyond = value && (is_raised_ ? *value < bounds_.below : *value > bounds_.above);
    if (!is_beyond) {
      beyond_since_.reset();
      return Change::kNone;
    }
    if (!beyond_since_) beyond_since_ = now;
    const auto needed = is_raised_ ? bounds_.lift_after : bounds_.raise_after;
    if (now - *beyond_since_ < needed) return Change::kNone;
    beyond_since_.reset();
    is_raised_ = !is_raised_;
    if (is_raised_) ++times_raised_;
    return is_raised_ ? Change::kRaised : Change::kLifted;
  }

  bool is_raised() const { return is_raised_; }
  std::uint64_t times_raised() const { return times_raised_; }

 private:
  AlertBounds bounds_;
  bool is_raised_ = false;
  std::uint64_t times_raised_ = 0;
  std::optional<rt::Instant> beyond_since_;
};

}  // namespace sluice::delay
