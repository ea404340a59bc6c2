#include "delay/alert.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice::delay {
namespace {

using namespace std::chrono_literals;
using Change = Alert::Change;

class AlertWithHysteresis : public ::testing::Test {
 protected:
  Alert alert{AlertBounds{.above = 1s, .below = 500ms, .raise_after = 0s, .lift_after = 2s}};

  Change observe(rt::Duration value, rt::Duration at) { return alert.observe(value, {at}); }
};

TEST_F(AlertWithHysteresis, IsRaisedOnceAboveTheUpperBound) {
  EXPECT_EQ(observe(1s, 0s), Change::kNone) << "at the bound is not over it";
  EXPECT_EQ(observe(1001ms, 1s), Change::kRaised);
  EXPECT_EQ(observe(5s, 2s), Change::kNone);
  EXPECT_TRUE(alert.is_raised());
  EXPECT_EQ(alert.times_raised(), 1U);
}

TEST_F(AlertWithHysteresis, StaysWhatItIsBetweenTheBounds) {
  EXPECT_EQ(observe(700ms, 0s), Change::kNone);
  observe(2s, 1s);
  for (int i = 2; i < 100; ++i) EXPECT_EQ(observe(700ms, i * 1s), Change::kNone);
  EXPECT_TRUE(alert.is_raised());
}

TEST_F(AlertWithHysteresis, IsLiftedOnlyAfterAQuietWhile) {
  observe(2s, 0s);
  EXPECT_EQ(observe(100ms, 1s), Change::kNone);
  EXPECT_EQ(observe(700ms, 2s), Change::kNone) << "the quiet was broken";
  EXPECT_EQ(observe(100ms, 3s), Change::kNone);
  EXPECT_EQ(observe(100ms, 4999ms), Change::kNone);
  EXPECT_EQ(observe(100ms, 5s), Change::kLifted);
  EXPECT_FALSE(alert.is_raised());
}

TEST_F(AlertWithHysteresis, DoesNotChangeForWantOfAValue) {
  EXPECT_EQ(alert.observe(std::nullopt, {1s}), Change::kNone);
  observe(2s, 2s);
  EXPECT_EQ(alert.observe(std::nullopt, {9s}), Change::kNone);
  EXPECT_TRUE(alert.is_raised());
}

TEST(AlertThatWaits, IsNotRaisedByAShortSpike) {
  Alert alert(AlertBounds{.above = 1s, .below = 500ms, .raise_after = 3s, .lift_after = 0s});
  EXPECT_EQ(alert.observe(2s, {0s}), Change::kNone);
  EXPECT_EQ(alert.observe(100ms, {1s}), Change::kNone);
  EXPECT_EQ(alert.observe(2s, {2s}), Change::kNone);
  EXPECT_EQ(alert.observe(2s, {5s}), Change::kRaised);
  EXPECT_EQ(alert.observe(100ms, {6s}), Change::kLifted);
}

// Whatever the values are, raised and lifted take turns, and a raise has a reason.
RC_GTEST_PROP(AlertProp, TakesTurnsAndHasItsReasons, (const std::vector<std::uint16_t>& values)) {
  Alert alert(AlertBounds{.above = 1s, .below = 500ms, .raise_after = 200ms, .lift_after = 300ms});
  rt::Instant now{};
  auto expected = Change::kRaised;
  for (const auto ms : values) {
    const rt::Duration value = std::chrono::milliseconds(ms % 2000);
    now = now + 100ms;
    const auto change = alert.observe(value, now);
    if (change == Change::kNone) continue;
    RC_ASSERT(change == expected);
    const bool has_reason = change == Change::kRaised ? value > 1s : value < 500ms;
    RC_ASSERT(has_reason);
    expected = change == Change::kRaised ? Change::kLifted : Change::kRaised;
  }
}

}  // namespace
}  // namespace sluice::delay
