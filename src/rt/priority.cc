#include "rt/priority.h"

#include <sched.h>

namespace sluice::rt {

bool run_before_others() {
  const sched_param priority{.sched_priority = 10};
  return ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) == 0;
}

}  // namespace sluice::rt
