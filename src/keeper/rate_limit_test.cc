#include "keeper/rate_limit.h"

#include <gtest/gtest.h>

namespace sluice::keeper {
namespace {

TEST(RateLimit, IsNoneAtZero) {
  RateLimit limit(0);
  EXPECT_EQ(limit.grant(1 << 30, rt::Instant{}), std::size_t{1} << 30);
  EXPECT_EQ(limit.wait(), rt::Duration{0});
}

TEST(RateLimit, SendsItsRateOverTimeInSmallSteps) {
  RateLimit limit(1'000'000);
  rt::Instant now{};
  std::uint64_t sent = 0;
  while (now < rt::Instant{std::chrono::seconds(10)}) {
    const auto granted = limit.grant(256 * 1024, now);
    limit.spend(granted);
    sent += granted;
    if (granted == 0) now = now + limit.wait();
  }
  EXPECT_NEAR(static_cast<double>(sent), 10e6, 0.2e6);
}

TEST(RateLimit, GrantsTheLastBytesThoughTheyAreFewerThanAStep) {
  RateLimit limit(1'000'000);
  EXPECT_EQ(limit.grant(3, rt::Instant{std::chrono::seconds(1)}), 3U);
}

}  // namespace
}  // namespace sluice::keeper
