// What an ocean gives to one TCP flow, by congestion control, and what relays get across it.
#pragma once

#include <string>
#include <vector>

#include "lab/ocean.h"
#include "lab/scenario.h"

namespace sluice::cases {

struct FlowScale {
  lab::Conditions conditions;
  double link_bytes_per_second;  // of packets
  std::chrono::seconds warm;     // for slow start, not counted
  std::chrono::seconds measured;
};

struct FlowRate {
  std::string name;
  double bytes_per_second = 0;
};

// reno, cubic, bbr and "sluice", side by side, each over a link of its own.
rt::Task<Result<std::vector<FlowRate>>> measure_flows(lab::Scenario& scenario, FlowScale scale,
                                                      lab::Certificate certificate);

}  // namespace sluice::cases
