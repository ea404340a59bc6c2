#include "relay/next_hops.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

using namespace std::chrono_literals;

tunnel::Node node(const std::string& host) {
  return {tunnel::Scheme::kProxyTcp, {host, 1}};
}

class NextHopsTest : public testing::Test {
 protected:
  NextHops hops;
  std::vector<tunnel::Node> both{node("a"), node("b")};

  void SetUp() override {
    for (const auto& each : both) hops.want(each, rt::Instant{});
  }
  std::size_t best() { return hops.order(both).front(); }
};

TEST_F(NextHopsTest, PrefersTheNearer) {
  hops.answered(node("a"), 80ms);
  hops.answered(node("b"), 20ms);
  EXPECT_EQ(best(), 1U);
}

TEST_F(NextHopsTest, SharesTheLoadOfEqualsAndOverflowsToTheFarther) {
  hops.answered(node("a"), 20ms);
  hops.answered(node("b"), 20ms);
  hops.opened(node("a"));
  EXPECT_EQ(best(), 1U);

  hops.answered(node("b"), 20ms + 8 * 20ms);  // smoothed: 40 ms
  for (int i = 0; i < 31; ++i) hops.opened(node("a"));
  EXPECT_EQ(best(), 0U);
  for (int i = 0; i < 2; ++i) hops.opened(node("a"));
  EXPECT_EQ(best(), 1U);
}

TEST_F(NextHopsTest, PutsTheDeadLastUntilTheyAnswer) {
  hops.answered(node("a"), 1ms);
  hops.answered(node("b"), 50ms);
  hops.failed(node("a"));
  EXPECT_EQ(hops.order(both), (std::vector<std::size_t>{1, 0}));
  hops.answered(node("a"), 1ms);
  EXPECT_EQ(best(), 0U);
}

TEST_F(NextHopsTest, MeasuresAnewAfterAnOutage) {
  hops.answered(node("a"), 1ms);
  hops.failed(node("a"));
  hops.answered(node("a"), 90ms);
  EXPECT_EQ(hops.find(node("a"))->rtt, rt::Duration(90ms));
}

TEST_F(NextHopsTest, ForgetsWhatIsNotWantedAnyMoreButNotWhatIsInUse) {
  hops.opened(node("a"));
  const auto later = rt::Instant{} + NextHops::kForgetAfter + 1ns;
  EXPECT_EQ(hops.to_probe(later), std::vector<tunnel::Node>{node("a")});
}

TEST_F(NextHopsTest, HoldsABoundedNumber) {
  for (int i = 0; i < 1000; ++i) hops.want(node("n" + std::to_string(i)), rt::Instant{});
  EXPECT_EQ(hops.all().size(), NextHops::kHopsMax);
}

}  // namespace
}  // namespace sluice::relay
