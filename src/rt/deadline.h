// A callback that runs unless its scope is left first.
#pragma once

#include <functional>
#include <utility>

#include "rt/clock.h"

namespace sluice::rt {

class Deadline {
 public:
  Deadline(Clock& clock, Instant at, std::function<void()> passed)
      : clock_(clock), timer_(clock.call_at(at, std::move(passed))) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { clock_.cancel(timer_); }

 private:
  Clock& clock_;
  TimerId timer_;
};

}  // namespace sluice::rt
