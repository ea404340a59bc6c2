// Keepers between masters and replicas that are models, in worlds full of faults. tests/sim has
// relays between the keepers.
#include <gtest/gtest.h>

#include "keeper/sim_seeds_test.h"

namespace sluice::keeper {
namespace {

TEST(ShardSim, KeepsItsPromisesInWorldsOfAllSeeds) {
  play_seeds({.repeat = "build/keeper_tests --gtest_filter='ShardSim.*Seeds'", .faults = kFaults});
}

TEST(ShardSim, IsTheSameWorldForTheSameSeed) {
  SimWorld one(7, {});
  SimWorld other(7, {});
  EXPECT_EQ(one.play(), other.play());
  EXPECT_EQ(one.trace(), other.trace());
}

}  // namespace
}  // namespace sluice::keeper
