// A steady flow over an emulated ocean: how late its bytes are, and how it comes back from cuts.
#pragma once

#include <string>
#include <vector>

#include "lane.h"

namespace sluice::bench {

struct SteadyOptions {
  lab::Conditions conditions;
  double bytes_per_second = 10e6;
  double capacity_bytes_per_second = 24e6;  // of the link, as TCP's payload that arrives
  double seconds = 600;
  double warm_seconds = 5;
  std::vector<double> cuts{2, 12, 60};  // seconds, one after the other
};

// All carriers at once, each on a link of its own. False if a relayed one misses a limit.
rt::Task<Result<bool>> run_steady(Stage& stage, Ocean& ocean, SteadyOptions options,
                                  std::vector<Carrier> carriers);

}  // namespace sluice::bench
