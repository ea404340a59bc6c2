#include "tunnel/bulk.h"

#include <gtest/gtest.h>

namespace sluice::tunnel {
namespace {

using namespace std::chrono_literals;
using Held = BulkDetector::Held;

class BulkTest : public ::testing::Test {
 protected:
  // Intervals in which it is held for so long of every 10 ms.
  void pass(int intervals, Held held, Time time, std::uint64_t bytes = 10 << 20) {
    for (int n = 0; n < intervals; ++n) {
      for (const Time end = now + kRateInterval; now < end; now += 10ms) {
        bulk.note(held, now);
        bulk.note(Held::kNot, now + time);
      }
      bulk.note(Held::kNot, now);
      bulk.measure(bytes);
    }
  }

  BulkDetector bulk;
  Time now{0};
};

TEST_F(BulkTest, IsWhatSendsAllThatItsConnectionsTakeInBursts) {
  pass(1, Held::kByStripes, 9ms);
  EXPECT_FALSE(bulk.is_bulk()) << "one interval may be a block of commands";
  pass(1, Held::kByStripes, 9ms);
  EXPECT_TRUE(bulk.is_bulk());
  EXPECT_TRUE(bulk.was_limited());
}

TEST_F(BulkTest, IsNotWhatWaitsNowAndThen) {
  pass(20, Held::kByStripes, 4ms);
  EXPECT_FALSE(bulk.is_bulk());
  EXPECT_FALSE(bulk.was_limited());
}

TEST_F(BulkTest, IsNotASmallTunnelThatOthersDelay) {
  pass(20, Held::kByStripes, 10ms, 1 << 20);
  EXPECT_FALSE(bulk.is_bulk());
  EXPECT_TRUE(bulk.was_limited());
}

TEST_F(BulkTest, IsNotWhatWaitsForItsReader) {
  pass(20, Held::kByReader, 10ms);
  EXPECT_FALSE(bulk.is_bulk());
  EXPECT_FALSE(bulk.was_limited());
}

TEST_F(BulkTest, StaysSoWhileItWaitsForItsReader) {
  pass(2, Held::kByStripes, 9ms);
  pass(20, Held::kByReader, 9ms);
  EXPECT_TRUE(bulk.is_bulk());
}

TEST_F(BulkTest, OutlastsAPauseAndEnds) {
  pass(20, Held::kByStripes, 9ms);
  pass(4, Held::kNot, 0ms, 0);
  EXPECT_TRUE(bulk.is_bulk());
  pass(1, Held::kNot, 0ms, 0);
  EXPECT_FALSE(bulk.is_bulk());
}

}  // namespace
}  // namespace sluice::tunnel
