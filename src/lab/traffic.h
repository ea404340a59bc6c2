// Keeps a master busy: a mix of writes at a steady rate, through its restarts.
#pragma once

#include <cstdint>

#include "lab/histogram.h"
#include "lab/workload.h"
#include "lab/world.h"

namespace sluice::lab {

struct TrafficOptions {
  double rate = 2000;  // commands a second
  WorkloadOptions workload;
};

// Lives on the core of `world`, which outlives it, as `master` does.
class Traffic {
 public:
  Traffic(World& world, Server& master, TrafficOptions options);

  // Until `until` is closing. A master that is away is tried again; what was due meanwhile is
  // left out.
  rt::Task<void> run(rt::Gate& until);

  std::uint64_t answered() const { return answered_; }
  std::uint64_t refused() const { return refused_; }     // answered with an error
  const Histogram& latency() const { return latency_; }  // from when each was due

 private:
  rt::Task<Result<>> drive(rt::Gate& until);
  void count(const std::vector<resp::Reply>& replies, rt::Duration latency);

  World& world_;
  Server& master_;
  TrafficOptions options_;
  Workload workload_;
  Histogram latency_;
  std::uint64_t answered_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace sluice::lab
