#include "lab/scenario.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

constexpr std::string_view kPage =
    "# HELP sluice_keeper_quarantined 1 while\n"
    "# TYPE sluice_keeper_quarantined gauge\n"
    "sluice_keeper_quarantined{shard=\"a b\"} 1\n"
    "up 0.5\n";

TEST(MetricValue, FindsAMetricWithAndWithoutLabels) {
  EXPECT_EQ(metric_value(kPage, "sluice_keeper_quarantined"), 1.0);
  EXPECT_EQ(metric_value(kPage, "up"), 0.5);
}

TEST(MetricValue, DoesNotTakeAPrefixForTheName) {
  EXPECT_EQ(metric_value(kPage, "sluice_keeper"), std::nullopt);
  EXPECT_EQ(metric_value("", "up"), std::nullopt);
}

}  // namespace
}  // namespace sluice::lab
