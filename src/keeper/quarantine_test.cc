#include "keeper/quarantine.h"

#include <gtest/gtest.h>

namespace sluice::keeper {
namespace {

constexpr QuarantineLimits kHalf{.keys_min = 1000, .shrink_percent = 50};

TEST(Quarantine, HoldsBackAnEmptyDataSet) {
  const auto reason = judge(1000, 0, kHalf);
  ASSERT_TRUE(reason);
  EXPECT_EQ(*reason, "upstream came back empty: 0 keys where there were 1000");
}

TEST(Quarantine, HoldsBackOneThatLostItsShareOrMore) {
  EXPECT_FALSE(judge(1000, 501, kHalf));
  EXPECT_TRUE(judge(1000, 500, kHalf));
}

TEST(Quarantine, NeverJudgesASmallDataSet) {
  EXPECT_FALSE(judge(999, 0, kHalf));
  EXPECT_TRUE(judge(1000, 0, kHalf));
}

TEST(Quarantine, LetsADataSetGrow) {
  EXPECT_FALSE(judge(1000, 1000, kHalf));
  EXPECT_FALSE(judge(1000, UINT64_MAX, kHalf));
}

}  // namespace
}  // namespace sluice::keeper
