#include "tunnel/renewal.h"

#include <gtest/gtest.h>

namespace sluice::tunnel {
namespace {

using namespace std::chrono_literals;

TEST(RenewalTest, GoesOnWhereConnectionsSeeItAfterLong) {
  Renewal renewal;
  Time now{1s};
  for (int n = 0; n < 100; ++n) {
    ASSERT_TRUE(renewal.is_due(now));
    renewal.renewed(Renewal::kSoon, now);
    EXPECT_FALSE(renewal.is_due(now));
    now += Renewal::kPauseMin;
  }
}

TEST(RenewalTest, IsTriedEverLessOftenWhereItDoesNotHelp) {
  Renewal renewal;
  Time now{1s};
  int tried = 0;
  for (const Time end = now + 1h; now < end; now += 1s) {
    if (!renewal.is_due(now)) continue;
    renewal.renewed(1s, now);
    ++tried;
  }
  EXPECT_GE(tried, 3600 / 600);  // it may help again
  EXPECT_LE(tried, 15);
}

TEST(RenewalTest, BeginsAnewOnceItHasHelped) {
  Renewal renewal;
  Time now{1s};
  for (int n = 0; n < 8; ++n) {
    renewal.renewed(1s, now);
    now += Renewal::kPauseMax;
  }
  renewal.renewed(Renewal::kSoon, now);
  EXPECT_TRUE(renewal.is_due(now + Renewal::kPauseMin));
}

}  // namespace
}  // namespace sluice::tunnel
