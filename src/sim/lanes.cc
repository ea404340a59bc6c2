#include "sim/lanes.h"

#include <algorithm>
#include <utility>

#include "rt/parked.h"
#include "sim/disk.h"

namespace sluice::sim {

rt::Task<void> Lanes::run(rt::Lane lane, std::function<void()> work) {
  rt::Parked caller;
  auto& free_at = free_at_[static_cast<std::size_t>(lane)];
  free_at = std::max(free_at, world_.now()) + disk_.work_time(lane);
  std::function<void()> finish = [this, lane, &work, &caller] {
    world_.note('L', disk_.number(), static_cast<std::uint64_t>(lane));
    work();
    caller.resume(world_.loop());
  };
  world_.timers().add(free_at, std::move(finish));
  co_await caller.park();
}

}  // namespace sluice::sim
