#include "tunnel/catch_up.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

namespace sluice::tunnel {
namespace {

using namespace std::chrono_literals;

// A link with a queue that loses what does not fit, a round trip away.
class CatchUpTest : public ::testing::Test {
 protected:
  static constexpr Time kLeast = 200ms;
  static constexpr double kQueueMost = 0.1;  // seconds

  // Sends as much as it may for so long.
  void pass(Time time) {
    for (const Time end = now + time; now < end; now += CatchUp::kInterval) {
      const double step = std::chrono::duration<double>(CatchUp::kInterval).count();
      const double rate = static_cast<double>(catch_up.limit().value_or(100 * kLink));
      sent += static_cast<std::uint64_t>(rate * step);
      const double used = std::min(1.0, (rate * step + queue * kLink) / (kLink * step));
      queue += step * (rate / kLink - 1);
      lost += std::max(queue - kQueueMost, 0.0) * kLink;
      queue = std::clamp(queue, 0.0, kQueueMost);
      carried += used * step;
      queues.push_back(queue);
      const double seen = queues.size() > 3 ? queues[queues.size() - 3] : 0;
      const auto arrived = static_cast<std::uint64_t>(used * kLink * step);
      const auto round_trip =
          kLeast + std::chrono::duration_cast<Time>(std::chrono::duration<double>(seen));
      catch_up.measure({.sent = sent,
                        .arrived = arrived,
                        .round_trip = round_trip,
                        .least = kLeast,
                        .is_behind = is_behind},
                       now);
    }
  }

  // One interval as it is told, whatever the link would do.
  void see(std::uint64_t bytes, std::uint64_t arrived, Time round_trip) {
    now += CatchUp::kInterval;
    sent += bytes;
    catch_up.measure({.sent = sent,
                      .arrived = arrived,
                      .round_trip = round_trip,
                      .least = kLeast,
                      .is_behind = true},
                     now);
  }

  static constexpr double kLink = 25e6;  // bytes a second
  CatchUp catch_up;
  Time now{1s};
  double queue = 0;  // seconds
  double lost = 0;
  double carried = 0;  // seconds of the link
  std::vector<double> queues;
  std::uint64_t sent = 0;
  bool is_behind = true;
};

TEST_F(CatchUpTest, FindsTheRateOfTheLinkAndLosesLittle) {
  catch_up.begin(10'000'000, now);
  pass(2s);
  EXPECT_LT(lost, 0.2 * kLink);
  lost = carried = 0;
  pass(10s);
  EXPECT_LT(lost, 0.02 * 10 * kLink);
  EXPECT_GT(carried, 9.2);
}

TEST_F(CatchUpTest, ComesDownToALinkThatHasBecomeSlower) {
  catch_up.begin(30'000'000, now);
  pass(5s);
  EXPECT_LT(*catch_up.limit(), 1.25 * kLink);
}

TEST_F(CatchUpTest, ComesDownToALinkThatIsFarSlower) {
  catch_up.begin(80'000'000, now);
  pass(5s);
  EXPECT_LT(*catch_up.limit(), 1.25 * kLink);
}

// Of a connection that comes out of its timeout.
TEST_F(CatchUpTest, DoesNotTakeARoundTripOfBeforeForAQueue) {
  catch_up.begin(10'000'000, now);
  for (int n = 0; n < 10; ++n) see(1'000'000, 10'000, n < 8 ? Time(7s) : kLeast);
  EXPECT_GE(*catch_up.limit(), 10'000'000U);
}

// The round trips of the others are still those of the queue that there was.
TEST_F(CatchUpTest, DoesNotTakeAConnectionThatEndsForASlowerLink) {
  catch_up.begin(20'000'000, now);
  pass(10s);
  for (int n = 0; n < 5; ++n) see(1'500'000, 1'500'000, kLeast + 60ms);
  EXPECT_GT(*catch_up.limit(), 0.8 * kLink);
}

// A machine that is busy holds up what arrives, and the queue seems to be there.
TEST_F(CatchUpTest, IsBackSoonAfterALinkThatSeemedSlow) {
  catch_up.begin(20'000'000, now);
  pass(10s);
  for (int n = 0; n < 20; ++n) see(1'500'000, 1'500'000, kLeast + 60ms);
  EXPECT_LT(*catch_up.limit(), 0.8 * kLink);
  pass(2500ms);
  EXPECT_GT(*catch_up.limit(), 0.9 * kLink);
}

TEST_F(CatchUpTest, BeginsWithWhatWasUnderWayIfThatIsMore) {
  catch_up.begin(4'000'000, now);
  for (int n = 0; n < 5; ++n) see(400'000, 2'400'000, kLeast);
  EXPECT_GT(*catch_up.limit(), 17'000'000U);
}

TEST_F(CatchUpTest, GivesUpWhereTheQueueIsOfOthers) {
  catch_up.begin(10'000'000, now);
  const Time end = now + CatchUp::kEndsQueueing + 1s;
  for (; now < end && catch_up.is_on(); now += CatchUp::kInterval) {
    sent += 1'000'000;
    catch_up.measure({.sent = sent,
                      .arrived = 1'000'000,
                      .round_trip = kLeast + 90ms,
                      .least = kLeast,
                      .is_behind = true},
                     now);
  }
  EXPECT_FALSE(catch_up.is_on());
  EXPECT_TRUE(catch_up.has_given_up());
  EXPECT_FALSE(catch_up.limit());
}

TEST_F(CatchUpTest, GoesOnWhileItsOwnQueueComesAndGoes) {
  catch_up.begin(10'000'000, now);
  pass(120s);
  EXPECT_TRUE(catch_up.is_on());
}

TEST_F(CatchUpTest, EndsWhenNothingWaits) {
  catch_up.begin(10'000'000, now);
  pass(2s);
  is_behind = false;
  pass(CatchUp::kEndsAfter + 200ms);
  EXPECT_FALSE(catch_up.is_on());
  EXPECT_FALSE(catch_up.limit());
}

TEST_F(CatchUpTest, HoldsNothingBackWhereThePathCannotBeSeen) {
  catch_up.begin(10'000'000, now);
  catch_up.measure({.sent = 1000, .is_behind = true}, now + 100ms);
  EXPECT_FALSE(catch_up.limit());
  catch_up.measure({.sent = 2000, .is_behind = true}, now + 200ms);
  EXPECT_FALSE(catch_up.limit());
}

TEST_F(CatchUpTest, GrowsNoFurtherThanItIsUsed) {
  catch_up.begin(10'000'000, now);
  for (int n = 0; n < 50; ++n) {
    now += CatchUp::kInterval;
    sent += 100'000;  // a tenth of it
    catch_up.measure({.sent = sent, .round_trip = kLeast, .least = kLeast, .is_behind = true}, now);
  }
  EXPECT_LE(*catch_up.limit(), 12'500'000U);
}

}  // namespace
}  // namespace sluice::tunnel
