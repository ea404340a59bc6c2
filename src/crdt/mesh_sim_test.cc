// Regions under random commands and faults, judged by the rules' definition over all ops ever made.
//
//   SLUICE_SIM_SEED=n   only this world
//   SLUICE_SIM_SEEDS=n  how many worlds (default 300), from SLUICE_SIM_FIRST (1) on
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <optional>
#include <string>

#include "crdt/mesh_test.h"

namespace sluice::crdt {
namespace {

std::optional<std::uint64_t> from_environment(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? std::nullopt : std::optional(std::strtoull(text, nullptr, 10));
}

std::string outcome_of(std::uint64_t seed) {
  Dice dice(seed);
  Mesh mesh(seed, 2 + dice.below(dice.chance(20) ? 4 : 2));
  for (auto steps = 10 + dice.below(dice.chance(20) ? 400 : 100); steps > 0; --steps) mesh.step();
  return mesh.heal_and_judge();
}

TEST(MeshSim, ConvergesOverManySeeds) {
  const auto only = from_environment("SLUICE_SIM_SEED");
  const auto first = only.value_or(from_environment("SLUICE_SIM_FIRST").value_or(1));
  const auto seeds = only ? 1 : from_environment("SLUICE_SIM_SEEDS").value_or(300);
  for (auto seed = first; seed < first + seeds; ++seed) {
    const auto wrong = outcome_of(seed);
    ASSERT_TRUE(wrong.empty()) << wrong << "\nrepeat: SLUICE_SIM_SEED=" << seed
                               << " build/crdt_tests --gtest_filter=MeshSim.*";
  }
  std::printf("simulated %llu worlds of regions\n", static_cast<unsigned long long>(seeds));
}

}  // namespace
}  // namespace sluice::crdt
