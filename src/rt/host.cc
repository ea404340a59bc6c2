#include "rt/host.h"

#include <functional>

#include "rt/parked.h"

namespace sluice::rt {

Task<void> sleep(Host& host, Duration time) {
  Parked task;
  std::function<void()> wake = [&host, &task] { task.resume(host.loop()); };
  host.clock().call_at(host.clock().now() + time, std::move(wake));
  co_await task.park();
}

}  // namespace sluice::rt
