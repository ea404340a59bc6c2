// A keeper that follows another through relays over a lossy ocean, in worlds full of faults.
#include <array>
#include <gtest/gtest.h>

#include "keeper/sim_seeds_test.h"
#include "tests/sim/sim_relay.h"

namespace sluice::tests {
namespace {

TEST(ChainSim, KeepsThePromisesOfKeepersInWorldsOfAllSeeds) {
  // What befalls masters and quarantine is demanded of the keepers' own simulation.
  static constexpr std::array kDemanded{"relay crash", "relay power cut",  "striped tunnels",
                                        "cut",         "one-way cut",      "reset",
                                        "slow link",   "process crash",    "power cut",
                                        "failover",    "chained full out", "chained partial out"};
  keeper::play_seeds({.repeat = "build/scenario_tests --gtest_filter='ChainSim.*Seeds'",
                      .faults = kDemanded,
                      .make_relay = make_relay});
}

TEST(ChainSim, IsTheSameWorldForTheSameSeed) {
  keeper::SimWorld one(7, {.make_relay = make_relay});
  keeper::SimWorld other(7, {.make_relay = make_relay});
  EXPECT_EQ(one.play(), other.play());
  EXPECT_EQ(one.trace(), other.trace());
}

}  // namespace
}  // namespace sluice::tests
