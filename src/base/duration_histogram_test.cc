#include "base/duration_histogram.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <vector>

namespace sluice::base {
namespace {

using namespace std::chrono_literals;

TEST(DurationHistogram, IsEmptyAtFirst) {
  const DurationHistogram none;
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.mean(), 0ns);
  EXPECT_EQ(none.quantile(0.99), 0ns);
}

TEST(DurationHistogram, KeepsSmallValuesExactly) {
  DurationHistogram seen;
  for (int ns = 1; ns <= 100; ++ns) seen.record(std::chrono::nanoseconds(ns));
  EXPECT_EQ(seen.quantile(0.5), 50ns);
  EXPECT_EQ(seen.quantile(0.99), 99ns);
  EXPECT_EQ(seen.quantile(1.0), 100ns);
}

TEST(DurationHistogram, TakesWhatIsTooLongAsItsLongestAndNegativeAsNothing) {
  DurationHistogram seen;
  seen.record(-5ns);
  seen.record(24h);
  EXPECT_EQ(seen.quantile(0.5), 0ns);
  EXPECT_EQ(seen.max(), 24h);
  EXPECT_GE(seen.quantile(1.0), 18min);
}

TEST(DurationHistogram, ReportsTheMaximumOfWhatWasMerged) {
  DurationHistogram one;
  DurationHistogram two;
  one.record(1ms, 3);
  two.record(7ms);
  one.merge(two);
  EXPECT_EQ(one.count(), 4U);
  EXPECT_EQ(one.max(), 7ms);
  EXPECT_EQ(one.mean(), 2500us);
}

TEST(DurationHistogram, TellsWhatCameSinceACopyOfIt) {
  DurationHistogram seen;
  seen.record(1ms, 5);
  const DurationHistogram earlier = seen;
  seen.record(3ms, 2);
  const auto later = seen.since(earlier);
  EXPECT_EQ(later.count(), 2U);
  EXPECT_EQ(later.mean(), 3ms);
  EXPECT_GE(later.quantile(0.01), 3ms);
}

RC_GTEST_PROP(HistogramProp, QuantileIsAtMostOnePercentOff, ()) {
  const auto values = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>()));
  const double fraction = *rc::gen::inRange(1, 101) / 100.0;
  DurationHistogram seen;
  for (const auto v : values) seen.record(std::chrono::nanoseconds(v));
  auto sorted = values;
  std::ranges::sort(sorted);
  const auto rank =
      static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(sorted.size())));
  const double exact = sorted[std::max<std::size_t>(rank, 1) - 1];
  const auto got = static_cast<double>(seen.quantile(fraction).count());
  RC_ASSERT(got >= exact * 0.99 - 1);
  RC_ASSERT(got <= exact * 1.01 + 1);
}

}  // namespace
}  // namespace sluice::base
