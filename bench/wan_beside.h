// A small steady flow over an emulated ocean, alone and beside bulk on the same link and relays.
#pragma once

#include "lane.h"

namespace sluice::bench {

struct BesideOptions {
  lab::Conditions conditions;
  double bytes_per_second = 0.5e6;  // of the small flow
  double seconds = 60;              // of either part
  double warm_seconds = 5;
};

// For each carrier: how late the small flow is alone, then beside a bulk flow that takes what it gets.
// False if a relayed one is delayed beyond its limit.
rt::Task<Result<bool>> run_beside(Stage& stage, Ocean& ocean, BesideOptions options,
                                  std::vector<Carrier> carriers);

}  // namespace sluice::bench
