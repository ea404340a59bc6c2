#include <gtest/gtest.h>
#include <memory>
#include <utility>

#include "keeper/key_count.h"
#include "sim/machine.h"
#include "sim/world.h"

namespace sluice::keeper {
namespace {

using namespace std::chrono_literals;

class KeyCountSim : public testing::Test {
 protected:
  KeyCount count_on(sim::Host& host) { return KeyCount(host, *host.directory("/keeper")); }

  static rt::Task<void> note_and_remember(KeyCount& count, std::uint64_t keys) {
    count.note(keys);
    (void)co_await count.remember();
  }

  void remember(KeyCount& count, std::uint64_t keys) {
    world_.spawn(note_and_remember(count, keys));
    world_.run_for(1s);
  }

  sim::World world_{1};
  sim::Machine& machine_ = world_.machine("keeper");
};

TEST_F(KeyCountSim, SurvivesAPowerCut) {
  auto before = count_on(machine_.boot());
  remember(before, 1'000'000);
  machine_.crash(sim::Crash::kPower);
  EXPECT_EQ(count_on(machine_.boot()).value(), 1'000'000U);
}

TEST_F(KeyCountSim, WritesOnlyWhatChangedByMoreThanAHundredth) {
  auto count = count_on(machine_.boot());
  remember(count, 1'000'000);
  const auto changes = machine_.disk().changes();
  remember(count, 1'009'000);
  EXPECT_EQ(machine_.disk().changes(), changes);
  remember(count, 1'011'000);
  EXPECT_GT(machine_.disk().changes(), changes);
}

TEST_F(KeyCountSim, WritesAnyValueAfterAFailureThatMayHaveWrittenAnother) {
  auto count = count_on(machine_.boot());
  remember(count, 1000);
  machine_.disk().fail_nth(sim::DiskOp::kSync, 2);  // of the folder, once the file has its name
  remember(count, 1);
  remember(count, 1000);
  machine_.crash(sim::Crash::kProcess);
  EXPECT_EQ(count_on(machine_.boot()).value(), 1000U);
}

TEST_F(KeyCountSim, StartsAtNoneInANewFolder) {
  EXPECT_EQ(count_on(machine_.boot()).value(), 0U);
}

}  // namespace
}  // namespace sluice::keeper
