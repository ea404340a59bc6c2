#include "rt/event.h"

#include <algorithm>

#include "base/check.h"
#include "rt/parked.h"

namespace sluice::rt {

// Lives in the frame of the waiting task. It is listed exactly as long as the task is parked in it.
struct Event::Waiter {
  Parked task;
  bool timed_out = false;
};

Event::~Event() {
  CHECK(waiters_.empty());
}

void Event::notify_all() {
  for (Waiter* waiter : waiters_) waiter->task.resume(loop_);
  waiters_.clear();
}

Task<void> Event::wait() {
  Waiter waiter;
  waiters_.push_back(&waiter);
  co_await waiter.task.park();
}

Task<bool> Event::wait_until(Instant deadline) {
  Waiter waiter;
  waiters_.push_back(&waiter);
  std::function<void()> give_up = [this, &waiter] {
    const auto place = std::ranges::find(waiters_, &waiter);
    if (place == waiters_.end()) return;  // notified, and about to resume
    waiters_.erase(place);
    waiter.timed_out = true;
    waiter.task.resume(loop_);
  };
  const auto timer = clock_.call_at(deadline, std::move(give_up));
  co_await waiter.task.park();
  clock_.cancel(timer);
  co_return !waiter.timed_out;
}

}  // namespace sluice::rt
