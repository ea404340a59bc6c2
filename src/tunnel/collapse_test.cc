#include "tunnel/collapse.h"

#include <gtest/gtest.h>

namespace sluice::tunnel {
namespace {

using namespace std::chrono_literals;

// Delivers so much per interval for so many, and says whether it was ever found collapsed.
bool collapses(CollapseDetector& flow, std::uint64_t& delivered, std::uint64_t each, int intervals,
               bool owes = true) {
  bool found = false;
  for (int n = 0; n < intervals; ++n) {
    delivered += each;
    flow.measure(delivered, owes);
    found = flow.is_collapsed(1000) || found;
  }
  return found;
}

TEST(Collapse, IsFoundWhereAFlowStaysFarUnderItsBestSibling) {
  CollapseDetector flow;
  std::uint64_t delivered = 0;
  EXPECT_FALSE(collapses(flow, delivered, 200, 100)) << "slower is no collapse";
  EXPECT_FALSE(collapses(flow, delivered, 50, kSlowIntervals - 1));
  EXPECT_TRUE(collapses(flow, delivered, 50, 1));
}

TEST(Collapse, IsNotFoundInAFlowThatIsYoung) {
  CollapseDetector flow;
  std::uint64_t delivered = 0;
  EXPECT_FALSE(
      collapses(flow, delivered, 50, CollapseDetector::kYoungIntervals + kSlowIntervals - 1));
  EXPECT_TRUE(collapses(flow, delivered, 50, 1));
}

TEST(Collapse, IsNotFoundInOneBadIntervalNorInAnIdleFlow) {
  CollapseDetector flow;
  std::uint64_t delivered = 0;
  for (int n = 0; n < 20; ++n) {
    EXPECT_FALSE(collapses(flow, delivered, 0, kSlowIntervals - 1));
    EXPECT_FALSE(collapses(flow, delivered, 800, 1));
  }
  EXPECT_FALSE(collapses(flow, delivered, 0, 100, false));
}

TEST(TunnelRate, FindsThatAllFlowsGiveLittleOfWhatTheyGave) {
  TunnelRate rate;
  Time now{0};
  for (int n = 0; n < 10; ++n) EXPECT_FALSE(rate.is_collapsed(1000, true, now += 1s));
  EXPECT_FALSE(rate.is_collapsed(100, true, now += 1s));
  EXPECT_FALSE(rate.is_collapsed(100, true, now += 1s));
  EXPECT_TRUE(rate.is_collapsed(100, true, now += 1s));
}

TEST(TunnelRate, AsksLessAndLessOftenWhenThatDoesNotHelp) {
  TunnelRate rate;
  Time now{0};
  rate.is_collapsed(1'000'000'000, true, now);
  int asked = 0;
  for (int n = 0; n < 60; ++n) asked += rate.is_collapsed(10, true, now += 1s) ? 1 : 0;
  EXPECT_GE(asked, 3);
  EXPECT_LE(asked, 5);
}

TEST(TunnelRate, BlamesNoFlowWhereLittleIsWantedOfIt) {
  TunnelRate rate;
  Time now{0};
  rate.is_collapsed(1000, true, now);
  for (int n = 0; n < 20; ++n) EXPECT_FALSE(rate.is_collapsed(1, false, now += 1s));
}

}  // namespace
}  // namespace sluice::tunnel
