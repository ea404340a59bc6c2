#include "wan/quantity.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice::wan {
namespace {

using namespace std::chrono_literals;

TEST(WanShare, IsReadInPercent) {
  EXPECT_EQ(parse_share("1%"), Share{0.01});
  EXPECT_EQ(parse_share("100%"), Share{1});
  EXPECT_EQ(parse_share("0"), Share{0});
  EXPECT_NEAR(parse_share("0.05%")->of_one, 0.0005, 1e-12);
}

TEST(WanShare, IsRefusedWithoutAPercentSignOrBeyondAll) {
  EXPECT_EQ(parse_share("0.01").error().detail,
            "'0.01' has no percent sign: write for example 1% or 0.05%");
  for (const auto* text : {"", "%", "-1%", "1 %", "100.1%", "nan%", "inf%", "1%%", "1e1%"}) {
    EXPECT_FALSE(parse_share(text)) << text;
  }
}

TEST(WanRate, IsReadInBitsASecond) {
  EXPECT_EQ(parse_rate("200mbit"), Rate{200'000'000});
  EXPECT_EQ(parse_rate("1.5gbit"), Rate{1'500'000'000});
  EXPECT_EQ(parse_rate("64kbit"), Rate{64'000});
  EXPECT_EQ(parse_rate("0"), Rate{0});
}

TEST(WanRate, IsRefusedWithoutAUnitOrOutOfReason) {
  EXPECT_EQ(parse_rate("100").error().detail,
            "'100' has no known unit: write kbit, mbit or gbit (a second)");
  for (const auto* text : {"", "mbit", "-1mbit", "1MB", "1mbits", "0.1kbit", "9999gbit"}) {
    EXPECT_FALSE(parse_rate(text)) << text;
  }
}

TEST(WanRate, TurnsBytesIntoTimeAndBack) {
  const Rate rate{8'000'000};
  EXPECT_EQ(rate.time_for(1000), 1ms);
  EXPECT_EQ(rate.bytes_in(1ms), 1000U);
}

TEST(WanQueueLimit, IsATimeOrASize) {
  EXPECT_EQ(parse_queue_limit("100ms"), QueueLimit(100ms));
  EXPECT_EQ(parse_queue_limit("512KiB"), QueueLimit(base::ByteSize{512 << 10}));
  EXPECT_EQ(parse_queue_limit("lots").error().detail,
            "'lots' is not the length of a queue: write for example 100ms or 512KiB");
}

RC_GTEST_PROP(WanQuantity, ComesBackFromItsText, (std::uint32_t number)) {
  const Rate rate{number < 1000 ? 0 : std::uint64_t{number} * 10};
  RC_ASSERT(parse_rate(to_string(rate)) == rate);
  const Share share{number % 10'001 / 10'000.0};
  RC_ASSERT(std::abs(parse_share(to_string(share))->of_one - share.of_one) < 1e-12);
  const QueueLimit bytes = base::ByteSize{number};
  RC_ASSERT(parse_queue_limit(to_string(bytes)) ==
            (number == 0 ? QueueLimit(std::chrono::nanoseconds{0}) : bytes));
}

}  // namespace
}  // namespace sluice::wan
