#include "tunnel/turns.h"

#include <gtest/gtest.h>
#include <set>

namespace sluice::tunnel {
namespace {

using namespace std::chrono_literals;

class TurnsTest : public ::testing::Test {
 protected:
  // Looks once every 10 ms, at connections that are heard all the time unless `heard` says otherwise.
  void pass(Time time, bool has_waiting, std::optional<Time> heard = std::nullopt) {
    for (const Time end = now + time; now < end; now += 10ms) {
      turns.take({.lively = lively,
                  .has_waiting = has_waiting,
                  .is_bulk = false,
                  .heard = heard.value_or(now)},
                 now);
    }
  }
  std::vector<StripeNumber> resting() const {
    std::vector<StripeNumber> all;
    for (StripeNumber number = 0; number < 10; ++number) {
      if (turns.is_resting(number)) all.push_back(number);
    }
    return all;
  }

  std::vector<StripeNumber> lively{0, 1, 2, 3};
  Turns turns;
  Time now{1s};
};

TEST_F(TurnsTest, EveryOtherConnectionRests) {
  pass(1s, false);
  EXPECT_EQ(resting().size(), 2U);
}

TEST_F(TurnsTest, EachRestsInItsTurn) {
  std::set<StripeNumber> rested;
  for (int turn = 0; turn < 4; ++turn) {
    pass(Turns::kTurn, false);
    for (const auto number : resting()) rested.insert(number);
  }
  EXPECT_EQ(rested.size(), lively.size());
}

TEST_F(TurnsTest, NoneRestsWhereTwoAreLeft) {
  lively = {0, 1};
  pass(10s, false);
  EXPECT_TRUE(resting().empty());
}

TEST_F(TurnsTest, AllWakeWhenBytesWait) {
  pass(1s, false);
  pass(Turns::kBehindAfter + 20ms, true);
  EXPECT_TRUE(resting().empty());
  pass(Turns::kAwakeFor - 100ms, false);
  EXPECT_TRUE(resting().empty()) << "and stay so for some time";
  pass(1s, false);
  EXPECT_EQ(resting().size(), 2U);
}

TEST_F(TurnsTest, BytesThatWaitInACutWakeNobody) {
  pass(1s, false);
  const auto before = resting();
  pass(20s, true, now);
  EXPECT_EQ(resting(), before);
}

TEST_F(TurnsTest, OneThatRestsWakesIfItIsTheOnlyOneLeft) {
  pass(1s, false);
  lively = {resting().front()};
  pass(10ms, false);
  EXPECT_TRUE(resting().empty());
}

}  // namespace
}  // namespace sluice::tunnel
