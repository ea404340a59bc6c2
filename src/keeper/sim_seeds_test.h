// Plays simulated worlds, one per seed, and tells how to repeat one that went wrong.
//
//   SLUICE_SIM_SEEDS=n  how many worlds (default 100), from SLUICE_SIM_FIRST (1) on
//   SLUICE_SIM_SEED=n   one world, with the roles' logs on standard error
#pragma once

#include <span>
#include <string>

#include "keeper/sim_world_test.h"

namespace sluice::keeper {

struct SeedsRun {
  std::string repeat;                   // the command that plays the same test
  std::span<const char* const> faults;  // that many worlds have to have met
  MakeRelay make_relay{};               // worlds with relays
};

// Fails the test that calls it if a world is wrong, or if a fault never happened.
void play_seeds(const SeedsRun& run);

}  // namespace sluice::keeper
