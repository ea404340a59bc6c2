#include "hop/next_hop.h"

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
};

TEST_F(NextHopsTest, KeepsTheOrderOfTheRouteWhileNothingIsKnown) {
  EXPECT_EQ(hops.in_order(both, now), both);
}

TEST_F(NextHopsTest, PrefersTheNearerAndTriesTheUnknown) {
  hops.connected(a, 200ms);
  EXPECT_EQ(first(), b);
  hops.connected(b, 300ms);
  EXPECT_EQ(first(), a);
}

TEST_F(NextHopsTest, SpreadsTunnelsOverNodesThatAreEquallyNear) {
  hops.connected(a, 100ms);
  hops.connected(b, 100ms);
  hops.tunnel_began(a);
  EXPECT_EQ(first(), b);
  hops.tunnel_began(b);
  hops.tunnel_began(b);
  EXPECT_EQ(first(), a);
  hops.tunnel_ended(b);
  hops.tunnel_ended(b);
  EXPECT_EQ(first(), b);
}

TEST_F(NextHopsTest, TriesADeadNodeLastAndAgainAfterItsTime) {
  hops.connected(a, 1ms);
  hops.connected(b, 50ms);
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

TEST_F(NextHopsTest, RemembersWhoSpeaksSluiceForAWhile) {
  EXPECT_FALSE(hops.speaks_sluice(a, now));
  hops.learned(a, true, now);
  hops.learned(b, false, now);
  EXPECT_EQ(hops.speaks_sluice(a, now), true);
  EXPECT_EQ(hops.speaks_sluice(b, now), false);
  hops.unlearn(a);
  EXPECT_FALSE(hops.speaks_sluice(a, now));
  EXPECT_FALSE(hops.speaks_sluice(b, now + (NextHops::kSpeechKept + rt::Duration(1s))));
}

}  // namespace
}  // namespace sluice::hop
