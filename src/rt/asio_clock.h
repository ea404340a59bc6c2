// The clock of a core: any number of callbacks on one timer of its loop.
#pragma once

#include <asio/basic_waitable_timer.hpp>
#include <chrono>
#include <optional>

#include "rt/clock.h"
#include "rt/task.h"
#include "rt/timer_queue.h"

namespace sluice::rt {

class AsioClock : public Clock {
 public:
  explicit AsioClock(Loop& loop) : timer_(loop) {}

  Instant now() const override;
  std::int64_t wall_ms() const override;
  TimerId call_at(Instant at, std::function<void()> callback) override;
  void cancel(TimerId id) override { queue_.cancel(id); }

 private:
  using Timer =
      asio::basic_waitable_timer<std::chrono::steady_clock,
                                 asio::wait_traits<std::chrono::steady_clock>, Loop::executor_type>;
  void arm(Instant at);

  Timer timer_;
  TimerQueue queue_;
  // What timer_ waits for. At or before the first of queue_: cancelling leaves it early.
  std::optional<Instant> armed_;
};

}  // namespace sluice::rt
