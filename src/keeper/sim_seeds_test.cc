#include "keeper/sim_seeds_test.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>
#include <optional>

namespace sluice::keeper {
namespace {

constexpr std::uint64_t kFailuresMax = 5;    // shown, then the run ends
constexpr std::uint64_t kEnoughSeeds = 100;  // for every fault to have fired

std::optional<std::uint64_t> from_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

std::uint64_t seed_played = 0;
std::string repeat_played;

std::string how_to_repeat(std::uint64_t seed) {
  return "repeat with: SLUICE_SIM_SEED=" + std::to_string(seed) + " " + repeat_played + "\n";
}

// A failed CHECK ends the process: its seed must be known all the same.
void tell_seed(int) {
  const auto text =
      "seed " + std::to_string(seed_played) + " aborts\n" + how_to_repeat(seed_played);
  std::fputs(text.c_str(), stderr);
}

void print(const Tally& tally, std::uint64_t seeds) {
  std::cout << "simulated " << seeds << " seeds:";
  for (const auto& [what, times] : tally) std::cout << " " << what << " " << times << ";";
  std::cout << "\n";
}

}  // namespace

void play_seeds(const SeedsRun& run) {
  const auto only = from_environment("SLUICE_SIM_SEED");
  const auto first = only.value_or(from_environment("SLUICE_SIM_FIRST").value_or(1));
  const auto seeds = only ? 1 : from_environment("SLUICE_SIM_SEEDS").value_or(kEnoughSeeds);
  Tally tally;
  std::uint64_t failures = 0;
  repeat_played = run.repeat;
  std::signal(SIGABRT, tell_seed);
  for (auto seed = first; seed < first + seeds && failures < kFailuresMax; ++seed) {
    seed_played = seed;
    SimWorld world(seed, {.is_loud = only.has_value(), .make_relay = run.make_relay});
    const auto violation = world.play();
    world.count(tally);
    if (!violation) continue;
    ++failures;
    ADD_FAILURE() << "seed " << seed << ": " << *violation << "\n" << how_to_repeat(seed);
  }
  std::signal(SIGABRT, SIG_DFL);
  print(tally, seeds);
  if (seeds < kEnoughSeeds || failures > 0) return;
  for (const auto* const fault : run.faults) {
    EXPECT_GT(tally[fault], 0U) << fault << " never happened";
  }
}

}  // namespace sluice::keeper
