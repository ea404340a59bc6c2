#include "lab/usage.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

TEST(Usage, ReadsTimesPastANameWithBracketsAndBlanks) {
  const auto usage =
      parse_usage("42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 3 0 100 1000 200",
                  "Name:\ta ) b\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\nThreads:\t3\n");
  ASSERT_TRUE(usage);
  EXPECT_DOUBLE_EQ(usage->cpu_seconds, 2.0);
  EXPECT_EQ(usage->resident_bytes, 1024U * 1024U);
  EXPECT_EQ(usage->resident_bytes_max, 2048U * 1024U);
  EXPECT_EQ(usage->threads, 3U);
}

TEST(Usage, RefusesWhatIsNotAStat) {
  EXPECT_FALSE(parse_usage("", ""));
  EXPECT_FALSE(parse_usage("42 (a) S 1 2", ""));
}

}  // namespace
}  // namespace sluice::lab
