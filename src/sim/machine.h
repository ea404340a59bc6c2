// A simulated machine: its disk outlives its boots, of each of which a Host is the running process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/disk.h"
#include "sim/host.h"
#include "sim/world.h"

namespace sluice::sim {

enum class Crash : std::uint8_t {
  kProcess,  // as by SIGKILL: files keep what was written, peers see their connections end
  kPower     // unsynced writes may be lost or torn; peers see silence
};

class Machine {
 public:
  Machine(World& world, std::string name, std::uint64_t number);

  World& world() { return world_; }
  const std::string& name() const { return name_; }
  Disk& disk() { return disk_; }

  // Starts a process. The one before must have crashed or been ended.
  Host& boot();

  // The running process, or null.
  Host* host() { return running_; }

  // Ends the process where it stands. Its code cannot be stopped from outside, but from now on it
  // reaches nothing: every call it waits for or makes fails with kCancelled. Stop its roles as at
  // any shutdown (they find nothing but failing calls), and destroy them before the world.
  void crash(Crash how);

  // Without power nothing answers; with power and no process, connections are refused.
  bool has_power() const { return has_power_; }
  std::uint64_t boots() const { return boots_.size(); }

  // Steps the wall clock, also of processes that run.
  void set_wall_skew(rt::Duration ahead) { wall_skew_ = ahead; }
  std::int64_t wall_ms() const;

 private:
  World& world_;
  std::string name_;
  Disk disk_;
  bool has_power_ = true;
  rt::Duration wall_skew_{0};
  Host* running_ = nullptr;
  std::vector<std::unique_ptr<Host>> boots_;  // dead ones too: their tasks may still refer to them
};

}  // namespace sluice::sim
