// What the benches share: a world of servers, workers beside it, and what is read from both.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/session.h"
#include "lab/usage.h"
#include "lab/world.h"
#include "shared.h"

namespace sluice::bench {

// The executable `sluice` that lies beside this one.
std::string sluice_path();

// Prints a line at once: a bench takes minutes.
void say(const std::string& line);

class Stage {
 public:
  Stage(rt::Host& host, lab::Wish& wish, lab::Folder folder);

  lab::World& world() { return world_; }
  rt::Host& host() { return host_; }

  // A file for the counters of a worker.
  std::string stats_file(const std::string& name) { return world_.folder().path() + "/" + name; }

  // Starts this executable as a worker. It ends when it is destroyed, or with us.
  Result<std::unique_ptr<rt::Process>> worker(std::vector<std::string> words,
                                              std::vector<std::string> run_by);

  // Looks every 20 ms. kTimedOut with `what` if it does not come true; kCancelled if the user
  // wants an end.
  rt::Task<Result<>> until(std::function<bool()> condition, rt::Duration timeout, std::string what);
  rt::Task<Result<>> pause(rt::Duration time);

  // User and system time so far.
  Result<double> cpu_seconds(int pid);

 private:
  rt::Host& host_;
  lab::Wish& wish_;
  lab::World world_;
};

}  // namespace sluice::bench
