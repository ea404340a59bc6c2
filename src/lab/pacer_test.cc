#include "lab/pacer.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

TEST(Pacer, GivesTheRateExactlyOverASecond) {
  Pacer pacer(70'001, 1ms);
  std::uint64_t given = 0;
  while (pacer.is_due(1s)) given += pacer.take().events;
  EXPECT_EQ(given, 70'001U);
}

TEST(Pacer, SpreadsARateBelowOneEventATick) {
  Pacer pacer(100, 1ms);
  std::uint64_t batches_with_events = 0;
  while (pacer.is_due(1s)) batches_with_events += pacer.take().events;
  EXPECT_EQ(batches_with_events, 100U);
}

TEST(Pacer, HandsOverdueBatchesOutWithTheTimeTheyWereDue) {
  Pacer pacer(1000, 10ms);
  EXPECT_FALSE(pacer.is_due(9ms));
  EXPECT_TRUE(pacer.is_due(35ms));
  EXPECT_EQ(pacer.take().due, 10ms);
  EXPECT_EQ(pacer.take().due, 20ms);
  EXPECT_EQ(pacer.take().due, 30ms);
  EXPECT_FALSE(pacer.is_due(35ms));
}

}  // namespace
}  // namespace sluice::lab
