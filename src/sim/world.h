// A world of machines in virtual time, all of whose chance comes from one seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rt/clock.h"
#include "rt/task.h"
#include "rt/timer_queue.h"
#include "sim/random.h"

namespace sluice::sim {

class Machine;
class Network;

// Runs what is ready, in order, then jumps to the next timer. One thread, no system calls.
//
// Tasks must have ended when the world is destroyed: stop the roles, then run until they are done.
class World {
 public:
  explicit World(std::uint64_t seed);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  std::uint64_t seed() const { return seed_; }
  rt::Instant now() const { return now_; }
  rt::Loop& loop() { return loop_; }
  rt::TimerQueue& timers() { return timers_; }
  Random& random() { return random_; }
  Network& network() { return *network_; }

  // The machine of that name, made on first use. It has to be booted.
  Machine& machine(std::string_view name);
  Machine* find(std::string_view name);
  std::vector<std::string> machine_names() const;

  // Starts a task that belongs to no machine: the one that plays the scenario.
  void spawn(rt::Task<void> task);
  rt::Task<void> sleep(rt::Duration time);

  void run_for(rt::Duration time);

  // Runs until `reached` holds, and tells whether it did within `limit`.
  bool run_until(const std::function<bool()>& reached, rt::Duration limit);

  // Adds to the trace: what happened (a letter), to what, how much.
  void note(char what, std::uint64_t which, std::uint64_t amount);

  // A hash of all that happened: equal for equal seeds and scenarios.
  std::uint64_t trace() const { return trace_; }
  std::uint64_t events() const { return events_; }

 private:
  void run_ready();
  // Jumps to the next timer up to `end` and runs it; false if there is none.
  bool step(rt::Instant end);

  std::uint64_t seed_;
  Random random_;
  rt::Loop loop_{1};
  rt::Instant now_;
  rt::TimerQueue timers_;
  std::uint64_t trace_ = 0;
  std::uint64_t events_ = 0;
  std::unique_ptr<Network> network_;
  std::map<std::string, std::unique_ptr<Machine>, std::less<>> machines_;
};

}  // namespace sluice::sim
