#include "keeper/sim_node_test.h"

#include <chrono>
#include <utility>

namespace sluice::keeper {

using std::chrono::milliseconds;
using std::chrono::seconds;

void SimNode::boot() {
  boot_at_.reset();
  const auto started = start(machine_.boot());
  if (started) {
    notes_.say(name() + " started");
    return;
  }
  notes_.say(name() + " does not start: " + started.error().detail);
  notes_.count("failed start");
  if (started.error().code == Errc::kCorrupt) {
    notes_.wrong(name() + " finds its log corrupt: " + started.error().detail);
  }
  if (host() != nullptr) machine_.crash(sim::Crash::kProcess);
  if (const auto how = std::exchange(crashed_, std::nullopt)) lose(*how);
  boot_at_ = world_.now() + seconds(1);
}

void SimNode::crash(sim::Crash how) {
  if (!is_up() || has_to_settle()) return;
  notes_.count(how == sim::Crash::kPower ? "power cut" : "process crash");
  machine_.crash(how);
  lose(how);
  bury();
}

// In the midst of a job of its disk nothing can be stopped, only cut off.
void SimNode::crash_mid_write(std::uint64_t nth_change, sim::Crash how) {
  disk().crash_at(nth_change, [this, how] {
    if (host() == nullptr) return;
    machine_.crash(how);
    crashed_ = how;
  });
}

void SimNode::settle() {
  const auto how = std::exchange(crashed_, std::nullopt);
  if (!how) return;
  notes_.count(*how == sim::Crash::kPower ? "mid-write power cut" : "mid-write crash");
  lose(*how);
  bury();
}

void SimNode::bury() {
  stop();
  const milliseconds pause(world_.random().between(10, 5000));
  boot_at_ = world_.now() + pause;
}

void SimNode::end() {
  if (host() != nullptr) machine_.crash(sim::Crash::kProcess);
  if (is_up()) stop();
}

}  // namespace sluice::keeper
