// Waking tasks of one core that wait for a condition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rt/clock.h"
#include "rt/task.h"

namespace sluice::rt {

// Tasks wait until somebody notifies. Like a condition variable without a mutex, since all are on
// one core: check the condition, then wait, in a loop.
class Event {
 public:
  Event(Loop& loop, Clock& clock) : loop_(loop), clock_(clock) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event();  // CHECKs that nobody waits

  // Wakes all who wait now; they run after the caller's next suspension.
  void notify_all();

  Task<void> wait();

  // False if `deadline` passed first.
  Task<bool> wait_until(Instant deadline);

 private:
  struct Waiter;
  Loop& loop_;
  Clock& clock_;
  std::vector<Waiter*> waiters_;
};

}  // namespace sluice::rt
