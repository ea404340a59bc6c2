#include "hop/next_hops.h"

#include <gtest/gtest.h>

namespace sluice::hop {
namespace {

using namespace std::chrono_literals;

class NextHopsTest : public ::testing::Test {
 protected:
  NextHops hops;
  rt::Instant now{rt::Duration(1h)};
  tunnel::Node a = *tunnel::parse_node("PROXYTCP://a:1");
  tunnel::Node b = *tunnel::parse_node("PROXYTCP://b:1");
  tunnel::Hop both{a, b};

  tunnel::Node first() { return hops.in_order(both, now).front(); }
  void want_both() {
    for (const auto& each : both) hops.want(each, now);
  }
};

TEST_F(NextHopsTest, KeepsTheOrderOfTheRouteWhileNothingIsKnown) {
  EXPECT_EQ(hops.in_order(both, now), both);
}

TEST_F(NextHopsTest, PrefersTheNearerAndTriesTheUnknown) {
  hops.connected(a, 200ms, now);
  EXPECT_EQ(first(), b);
  hops.connected(b, 300ms, now);
  EXPECT_EQ(first(), a);
}

TEST_F(NextHopsTest, ComparesWhatProbesMeasuredWhereThereAreAny) {
  want_both();
  hops.answered(a, 80ms);
  hops.answered(b, 40ms);
  for (int n = 0; n < 50; ++n) hops.connected(a, 10ms, now);
  EXPECT_EQ(first(), b);
}

TEST_F(NextHopsTest, SharesTheLoadOfEqualsAndOverflowsToTheFarther) {
  hops.connected(a, 20ms, now);
  hops.connected(b, 20ms, now);
  hops.opened(a);
  EXPECT_EQ(first(), b);
  hops.connected(b, 20ms + 8 * 20ms, now);  // smoothed: 40 ms
  for (int i = 0; i < 31; ++i) hops.opened(a);
  EXPECT_EQ(first(), a);
  for (int i = 0; i < 2; ++i) hops.opened(a);
  EXPECT_EQ(first(), b);
  for (int i = 0; i < 10; ++i) hops.closed(a);
  EXPECT_EQ(first(), a);
}

TEST_F(NextHopsTest, TriesADeadNodeLastAndAgainAfterItsTime) {
  hops.connected(a, 1ms, now);
  hops.connected(b, 50ms, now);
  hops.failed(a, now);
  EXPECT_EQ(first(), b);
  EXPECT_EQ(hops.in_order(both, now).size(), 2U) << "it is the last resort, not forbidden";
  now = now + NextHops::kDeadMin;
  EXPECT_EQ(first(), a);
  for (int n = 0; n < 20; ++n) hops.failed(a, now);
  now = now + (NextHops::kDeadMax - 1s);
  EXPECT_EQ(first(), b);
  now = now + 1s;
  EXPECT_EQ(first(), a);
}

TEST_F(NextHopsTest, MeasuresAnewAfterAnOutage) {
  want_both();
  hops.answered(a, 1ms);
  hops.failed(a, now);
  EXPECT_TRUE(hops.is_dead(a, now));
  hops.answered(a, 90ms);
  EXPECT_FALSE(hops.is_dead(a, now));
  EXPECT_EQ(hops.find(a)->rtt, rt::Duration(90ms));
}

TEST_F(NextHopsTest, ForgetsWhatIsNotWantedAnyMoreButNotWhatIsInUse) {
  want_both();
  hops.opened(a);
  const auto later = now + NextHops::kForgetAfter + 1ns;
  EXPECT_EQ(hops.to_probe(later), std::vector<tunnel::Node>{a});
}

TEST_F(NextHopsTest, ProbesABoundedNumber) {
  for (int i = 0; i < 1000; ++i) {
    hops.want(*tunnel::parse_node("PROXYTCP://n" + std::to_string(i) + ":1"), now);
  }
  EXPECT_EQ(hops.probed().size(), NextHops::kProbedMax);
  EXPECT_EQ(hops.to_probe(now).size(), NextHops::kProbedMax);
}

TEST_F(NextHopsTest, RemembersWhoSpeaksSluiceForAWhile) {
  EXPECT_FALSE(hops.speaks_sluice(a, now));
  hops.learned(a, true, now);
  EXPECT_EQ(hops.speaks_sluice(a, now), true);
  EXPECT_FALSE(hops.speaks_sluice(a, now + NextHops::kSpeechKept));
  hops.unlearn(a);
  EXPECT_FALSE(hops.speaks_sluice(a, now));
}

TEST_F(NextHopsTest, BelievesANoForLongerEachTime) {
  hops.learned(b, false, now);
  EXPECT_EQ(hops.speaks_sluice(b, now), false);
  EXPECT_FALSE(hops.speaks_sluice(b, now + NextHops::kDenialKeptMin));
  hops.learned(b, false, now);
  EXPECT_EQ(hops.speaks_sluice(b, now + NextHops::kDenialKeptMin), false);
  for (int n = 0; n < 10; ++n) hops.learned(b, false, now);
  EXPECT_EQ(hops.speaks_sluice(b, now + (NextHops::kSpeechKept - 1s)), false);
  EXPECT_FALSE(hops.speaks_sluice(b, now + NextHops::kSpeechKept));
}

}  // namespace
}  // namespace sluice::hop
