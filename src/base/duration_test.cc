#include "base/duration.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice::base {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsReadInEveryUnit) {
  EXPECT_EQ(parse_duration("7d"), 168h);
  EXPECT_EQ(parse_duration("1w"), 168h);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("100ms"), 100ms);
  EXPECT_EQ(parse_duration("5us"), 5us);
  EXPECT_EQ(parse_duration("0"), 0ns);
}

TEST(Duration, IsRefusedWithoutAUnitNegativeOrTooLong) {
  for (const auto* text :
       {"", "30", "-1s", "1.5h", "s", "1 s", "7D", "300y", "106752d", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_EQ(parse_duration("30").error().detail, "'30' has no known unit: write ms, s, m, h or d");
  EXPECT_TRUE(parse_duration("106751d"));
}

TEST(Duration, IsRoundedForPeople) {
  EXPECT_EQ(to_rounded(100s), "1m 40s");
  EXPECT_EQ(to_rounded(26h), "1d 2h");
  EXPECT_EQ(to_rounded(1500ms), "1s");
  EXPECT_EQ(to_rounded(0s), "0s");
}

RC_GTEST_PROP(Duration, ComesBackFromItsText, (std::uint16_t count)) {
  for (const std::chrono::nanoseconds unit : {1ns, 1'000'000ns, 60'000'000'000ns}) {
    RC_ASSERT(parse_duration(to_string(count * unit)).value() == count * unit);
  }
}

}  // namespace
}  // namespace sluice::base
