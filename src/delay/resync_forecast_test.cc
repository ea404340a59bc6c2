#include "delay/resync_forecast.h"

#include <gtest/gtest.h>

namespace sluice::delay {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMegabyte = 1'000'000;

// Holds 100 MB, of which the node at 90 MB lacks 10 MB; the stream makes 1 MB a second.
const Window kBacklog{.first = 0, .end = 100 * kMegabyte, .bytes_max = 100 * kMegabyte};
const Followed kStopped{
    .offset = 90 * kMegabyte, .bytes_per_second = 0, .stream_bytes_per_second = 1e6};

TEST(ResyncForecast, TellsWhenTheBacklogWillHavePassedANodeThatStandsStill) {
  const auto told = forecast(kBacklog, kStopped);
  EXPECT_FALSE(told.is_lost);
  EXPECT_EQ(told.if_stopped, 90s);
  EXPECT_EQ(told.as_now, 90s);
}

TEST(ResyncForecast, GoesByHowFastANodeFallsBehind) {
  auto slow = kStopped;
  slow.bytes_per_second = 0.5e6;
  EXPECT_EQ(forecast(kBacklog, slow).if_stopped, 90s);
  EXPECT_EQ(forecast(kBacklog, slow).as_now, 180s);
}

TEST(ResyncForecast, SeesNoEndForANodeThatKeepsUp) {
  auto fast = kStopped;
  fast.bytes_per_second = 1e6;
  EXPECT_EQ(forecast(kBacklog, fast).as_now, std::nullopt);
  fast.bytes_per_second = 5e6;
  EXPECT_EQ(forecast(kBacklog, fast).as_now, std::nullopt);
  EXPECT_EQ(forecast(kBacklog, fast).if_stopped, 90s);
}

TEST(ResyncForecast, KnowsThatWhatWasLetGoIsLost) {
  auto window = kBacklog;
  window.first = 90 * kMegabyte + 1;
  EXPECT_TRUE(forecast(window, kStopped).is_lost);
  window.first = 90 * kMegabyte;
  EXPECT_FALSE(forecast(window, kStopped).is_lost);
}

TEST(ResyncForecast, SaysZeroWhenOneMoreByteIsTooMuch) {
  auto window = kBacklog;
  window.bytes_max = 10 * kMegabyte;
  EXPECT_EQ(forecast(window, kStopped).if_stopped, 0s);
  window.bytes_max = kMegabyte;
  EXPECT_EQ(forecast(window, kStopped).if_stopped, 0s);
}

TEST(ResyncForecast, GoesByAgeWhereThatIsSooner) {
  auto log = kBacklog;
  log.age_max = 60s;
  EXPECT_EQ(forecast(log, kStopped).if_stopped, 50s) << "what it lacks is 10 s old";
  log.age_max = 1h;
  EXPECT_EQ(forecast(log, kStopped).if_stopped, 90s);
}

TEST(ResyncForecast, SaysNothingOfAStreamThatStandsStill) {
  auto quiet = kStopped;
  quiet.stream_bytes_per_second = 0;
  EXPECT_EQ(forecast(kBacklog, quiet).if_stopped, std::nullopt);
  EXPECT_EQ(forecast(kBacklog, quiet).as_now, std::nullopt);
}

TEST(ResyncForecast, TakesANodeThatIsAheadForOneThatLacksNothing) {
  auto ahead = kStopped;
  ahead.offset = 101 * kMegabyte;
  EXPECT_EQ(forecast(kBacklog, ahead).if_stopped, 100s);
  EXPECT_EQ(forecast(kBacklog, ahead).as_now, std::nullopt);
}

TEST(Speed, ApproachesASteadyRate) {
  Speed speed;
  EXPECT_EQ(speed.bytes_per_second(), 0);
  for (int i = 0; i < 60; ++i) {
    speed.observe(static_cast<std::uint64_t>(i) * kMegabyte, {i * 1s});
  }
  EXPECT_NEAR(speed.bytes_per_second(), 1e6, 1);
  for (int i = 60; i < 65; ++i) speed.observe(59 * kMegabyte, {i * 1s});
  EXPECT_NEAR(speed.bytes_per_second(), 0.5e6, 1e4) << "after one half-life of standing still";
}

TEST(Speed, StartsOverInAnotherHistory) {
  Speed speed;
  speed.observe(100, {0s});
  speed.observe(200, {1s});
  EXPECT_EQ(speed.bytes_per_second(), 100);
  speed.observe(50, {2s});
  EXPECT_EQ(speed.bytes_per_second(), 0);
  speed.observe(50, {2s});
  EXPECT_EQ(speed.bytes_per_second(), 0);
  speed.observe(60, {3s});
  EXPECT_EQ(speed.bytes_per_second(), 10);
}

}  // namespace
}  // namespace sluice::delay
