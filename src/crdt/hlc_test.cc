#include "crdt/hlc.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <vector>

#include "crdt/batch.h"
#include "crdt/model_redis_test.h"
#include "crdt/region.h"

namespace sluice::crdt {
namespace {

constexpr std::uint64_t kNow = 1'800'000'000'000, kDay = 86'400'000;

TEST(Tick, FollowsAClockThatGoesOn) {
  EXPECT_EQ(tick(tick({}, kNow), kNow + 5).wall_ms(), kNow + 5);
}

TEST(Tick, GoesOnWhereTheClockStandsOrStepsBack) {
  const Hlc before = tick({}, kNow);
  EXPECT_GT(tick(before, kNow), before);
  EXPECT_GT(tick(before, kNow - kDay), before);
  EXPECT_EQ(tick(before, kNow - kDay).wall_ms(), kNow);
}

TEST(Tick, BorrowsAMillisecondWhenItsCounterIsFull) {
  const Hlc full{kNow << 16U | 0xFFFFU};
  EXPECT_EQ(tick(full, kNow), Hlc{(kNow + 1) << 16U});
}

// Whatever steps the clock makes and whatever comes from others: each stamp is above all that was seen, and no further
// in the future than the furthest of them.
RC_GTEST_PROP(Hlc, GrowsUnderSteppingClocks, (const std::vector<std::int32_t>& steps)) {
  std::uint64_t wall = kNow;
  std::uint64_t furthest = kNow;
  Hlc newest;
  for (const std::int32_t step : steps) {
    if (step % 5 == 0) {  // a stamp of somebody whose clock is elsewhere
      const Hlc other = tick({}, kNow + static_cast<std::uint64_t>(step) % kDay);
      newest = std::max(newest, other);
      furthest = std::max(furthest, other.wall_ms());
    }
    wall += static_cast<std::uint64_t>(std::int64_t{step});
    wall = std::clamp(wall, kNow - 100 * kDay, kNow + 100 * kDay);
    furthest = std::max(furthest, wall);
    const Hlc next = tick(newest, wall);
    RC_ASSERT(next > newest);
    RC_ASSERT(next.wall_ms() <= furthest + 1);
    newest = next;
  }
}

// --- a region whose clock steps ------------------------------------------------------------------

class SteppingClock : public testing::Test {
 protected:
  // The stamp of a write made at `now_ms`.
  Hlc write(Region& by, std::uint64_t now_ms) {
    by.note({{0, "key"}, WriteString{"value", kNoDeadline}, false}, redis, now_ms);
    const auto batch = by.flush(now_ms);
    return decode_header(*batch)->hlc;
  }

  ModelRedis redis;
  Region region{1, {}};
};

TEST_F(SteppingClock, DoesNotTurnStampsBack) {
  region.begin_incarnation(1);
  const Hlc before = write(region, kNow);
  EXPECT_GT(write(region, kNow - kDay), before);
}

TEST_F(SteppingClock, DoesNotTurnStampsBackOverARestart) {
  region.begin_incarnation(1);
  const Hlc before = write(region, kNow);
  Region restarted(1, {});
  ASSERT_TRUE(restarted.load(region.save()).has_value());
  restarted.begin_incarnation(2);
  EXPECT_GT(write(restarted, kNow - kDay), before);
}

TEST_F(SteppingClock, IsRefusedByPeersWhenItIsTooFarAhead) {
  region.begin_incarnation(1);
  region.note({{0, "key"}, WriteString{"value", kNoDeadline}, false}, redis, kNow + kDay);
  const auto batch = region.flush(kNow + kDay);
  ModelRedis there;
  Region peer(2, {});
  peer.begin_incarnation(1);
  while (peer.flush(kNow)) {
  }
  const auto refused = peer.apply(*batch, there, kNow);
  ASSERT_TRUE(refused.has_value());
  EXPECT_TRUE(std::holds_alternative<ClockAhead>(*refused));
  const auto taken = peer.apply(*batch, there, kNow + kDay);
  ASSERT_TRUE(taken.has_value());
  EXPECT_TRUE(std::holds_alternative<Applied>(*taken));
}

}  // namespace
}  // namespace sluice::crdt
