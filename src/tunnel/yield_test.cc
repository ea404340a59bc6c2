#include "tunnel/yield.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace sluice::tunnel {
namespace {

using namespace std::chrono_literals;

constexpr Time kLeast = 200ms;

// A link of `capacity` whose queue grows by what is sent beyond it, and drains.
struct LinkModel {
  std::uint64_t capacity;
  std::uint64_t others;
  double queued = 0;

  Time pass(std::uint64_t sent) {
    const double seconds = std::chrono::duration<double>(Yield::kInterval).count();
    const auto surplus = static_cast<double>(sent + others) - static_cast<double>(capacity);
    queued = std::clamp(queued + surplus * seconds, 0.0, 0.1 * static_cast<double>(capacity));
    const auto wait = std::chrono::duration<double>(queued / static_cast<double>(capacity));
    return kLeast + std::chrono::duration_cast<Time>(wait);
  }
};

TEST(Yield, TakesAllThereIsWhileNothingQueues) {
  Yield yield;
  for (int n = 0; n < 100; ++n) {
    yield.measure({.delivered_bytes_s = 20'000'000, .round_trip = kLeast + 5ms, .least = kLeast});
  }
  EXPECT_FALSE(yield.limit());
}

TEST(Yield, KeepsTheQueueShortAndTheLinkBusy) {
  LinkModel link{.capacity = 25'000'000, .others = 500'000};
  Yield yield;
  constexpr std::uint64_t kGreedy = 40'000'000;
  double sent = 0;
  int queued_long = 0;
  constexpr int kWarm = 100;
  constexpr int kMeasured = 400;
  for (int n = 0; n < kWarm + kMeasured; ++n) {
    const auto rate = std::min(yield.limit().value_or(kGreedy), kGreedy);
    const auto round_trip = link.pass(rate);
    yield.measure({.delivered_bytes_s = std::min(rate, link.capacity - link.others),
                   .sent_bytes_s = rate,
                   .round_trip = round_trip,
                   .least = kLeast});
    if (n < kWarm) continue;
    sent += static_cast<double>(rate) / kMeasured;
    queued_long += round_trip > kLeast + 60ms ? 1 : 0;
  }
  EXPECT_GT(sent, 0.85 * static_cast<double>(link.capacity));
  EXPECT_LT(queued_long, kMeasured / 100);
}

// A link's queue tells a round trip later what was too much.
TEST(Yield, BeginsByStepsSoThatTheQueueNeverFills) {
  LinkModel link{.capacity = 25'000'000, .others = 500'000};
  Yield yield;
  yield.begin(0);
  Time seen = kLeast;
  int steps = 0;
  Time longest{0};
  for (; steps < 40; ++steps) {
    const auto rate = *yield.limit();
    EXPECT_LT(rate, 40'000'000U);
    yield.measure({.sent_bytes_s = rate, .round_trip = seen, .least = kLeast});
    seen = link.pass(rate);
    longest = std::max(longest, seen);
  }
  EXPECT_LE(longest, kLeast + 100ms);
  EXPECT_GT(*yield.limit(), link.capacity / 2);
}

TEST(Yield, WaitsForARateToBeUsedBeforeItGivesMore) {
  Yield yield;
  yield.begin(10'000'000);
  const auto limit = *yield.limit();
  for (int n = 0; n < 40; ++n) {
    yield.measure({.sent_bytes_s = limit / 2, .round_trip = kLeast, .least = kLeast});
  }
  EXPECT_EQ(*yield.limit(), limit);
}

TEST(Bucket, HandsOutItsRateAndSavesLittle) {
  Bucket bucket;
  EXPECT_TRUE(bucket.has_any(0ms));
  EXPECT_FALSE(bucket.free_at());
  bucket.set_rate(1'000'000, 0ms);
  std::uint64_t taken = 0;
  for (Time now{0}; now < 1s; now += 1ms) {
    while (bucket.has_any(now)) {
      bucket.take(10'000, now);
      taken += 10'000;
    }
  }
  EXPECT_NEAR(static_cast<double>(taken), 1'000'000, 40'000);
  taken = 0;
  while (bucket.has_any(1min)) {
    bucket.take(10'000, 1min);
    taken += 10'000;
  }
  EXPECT_LE(taken, 40'000U);
  bucket.set_rate(std::nullopt, 1min);
  EXPECT_TRUE(bucket.has_any(1min));
}

}  // namespace
}  // namespace sluice::tunnel
