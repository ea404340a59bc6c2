// Two regions with an ocean between them: a master and what follows it on both shores.
#pragma once

#include <functional>
#include <vector>

#include "lab/world.h"

namespace sluice::lab {

// Region A is site "a": a master, a keeper with a replica, a relay. Region B is site "b": a relay, a
// keeper that follows region A's through both relays (TLS 1.3 between them), replicas. Writes go to
// region A.
struct Regions {
  Server* master = nullptr;
  Server* keeper_a = nullptr;
  Server* replica_a = nullptr;
  Server* relay_a = nullptr;
  Server* relay_b = nullptr;
  Server* keeper_b = nullptr;
  std::vector<Server*> replicas_b;
};

struct RegionsOptions {
  Certificate certificate;
  std::uint32_t replicas_b = 1;
  std::function<void(const Server&)> on_start = {};
};

// Starts them in that order; sites "a" and "b" are there. Who follows whom settles afterwards.
rt::Task<Result<Regions>> start_regions(World& world, RegionsOptions options);

}  // namespace sluice::lab
