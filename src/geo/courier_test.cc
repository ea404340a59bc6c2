#include "geo/courier.h"

#include <gtest/gtest.h>

#include "crdt/batch.h"
#include "geo/courier_model_test.h"

namespace sluice::geo {
namespace {

using namespace std::chrono_literals;

constexpr crdt::Actor kPeer{1, 1};
constexpr crdt::Actor kSelf{2, 7};
constexpr crdt::Actor kThird{3, 1};

class CourierTest : public ::testing::Test {
 protected:
  CourierTest() { start({}); }

  void start(crdt::VersionVector known) {
    courier.emplace(Courier::Target{kSelf, std::move(known)}, repl::Offset{0}, limits);
  }
  void take(crdt::Actor actor, crdt::Seq first, std::uint32_t count,
            std::vector<crdt::Dot> context = {}) {
    auto batch = batch_of(actor, first, count, std::move(context), end);
    batch.is_foreign = actor != kPeer;
    end += 10;
    courier->take(std::move(batch), now);
    courier->read_to(repl::Offset{end});
  }
  // How many can be sent now.
  int send() {
    int sent = 0;
    while (courier->next(now)) ++sent;
    return sent;
  }
  void answer(Verdict verdict, crdt::Dot dot = {}) {
    courier->answer({.verdict = verdict, .dot = dot, .text = "why"}, now);
  }

  Courier::Limits limits;
  std::optional<Courier> courier;
  rt::Instant now{1s};
  std::uint64_t end = 0;
};

TEST_F(CourierTest, SendsThePeersOwnBatchesAtOnceAndInOrder) {
  take(kPeer, 1, 2);
  take(kPeer, 3, 1);
  EXPECT_EQ(send(), 2);
  EXPECT_EQ(courier->settled(), repl::Offset{0});
  answer(Verdict::kApplied);
  EXPECT_EQ(courier->settled(), repl::Offset{10});
  answer(Verdict::kDuplicate);
  EXPECT_EQ(courier->settled(), repl::Offset{20});
  EXPECT_TRUE(courier->known().covers({kPeer, 3}));
}

TEST_F(CourierTest, StoresNoPositionBehindWhatIsNotConfirmed) {
  take(kPeer, 1, 1);
  take(kPeer, 2, 1);
  EXPECT_EQ(courier->next(now)->at, repl::Offset{0});
  EXPECT_EQ(courier->next(now)->at, repl::Offset{0});
  answer(Verdict::kApplied);
  take(kPeer, 3, 1);
  EXPECT_EQ(courier->next(now)->at, repl::Offset{10});
}

TEST_F(CourierTest, PassesOverWhatTheTargetHasAndItsOwnOps) {
  crdt::VersionVector known;
  known.advance({kPeer, 5});
  start(known);
  take(kPeer, 4, 2);
  take(kSelf, 9, 1);
  EXPECT_EQ(send(), 0);
  EXPECT_EQ(courier->settled(), repl::Offset{20});
}

TEST_F(CourierTest, BringsBackWhatTheTargetLostInAnEarlierLife) {
  take({kSelf.region, kSelf.incarnation - 1}, 1, 1);
  EXPECT_EQ(send(), 0);
  now = now + limits.gossip_wait;
  EXPECT_EQ(send(), 1);
}

TEST_F(CourierTest, LeavesAThirdRegionsBatchToItsOwnLinkForAWhile) {
  take(kThird, 1, 1);
  EXPECT_EQ(send(), 0);
  EXPECT_TRUE(courier->wants_vector(now));
  EXPECT_EQ(courier->wake_at(), rt::Instant{} + limits.gossip_wait / 4);
  crdt::VersionVector vector;
  vector.advance({kThird, 1});
  courier->learn(vector, now);
  EXPECT_EQ(send(), 0);
  now = now + limits.gossip_wait;
  EXPECT_EQ(send(), 0);
  EXPECT_EQ(courier->settled(), repl::Offset{10});
}

TEST_F(CourierTest, BringsAThirdRegionsBatchWhenNobodyElseDoes) {
  take(kThird, 1, 1);
  now = now + limits.gossip_wait;
  EXPECT_EQ(send(), 1);
}

TEST_F(CourierTest, PassesAThirdRegionsAnnouncementOnOnce) {
  for (int i = 0; i < 3; ++i) {
    auto batch = batch_of(kThird, 1, 0, {}, end += 10);
    batch.header.promise = {{kPeer, 7}};
    batch.is_foreign = true;
    courier->take(std::move(batch), now);
  }
  now = now + limits.gossip_wait;
  EXPECT_EQ(send(), 1);
}

TEST_F(CourierTest, HoldsAnOpBackUntilWhatItsMakerHadSeenIsThere) {
  take(kThird, 1, 1);
  take(kPeer, 1, 1, {{kThird, 1}});
  EXPECT_EQ(send(), 0);
  now = now + limits.gossip_wait;
  EXPECT_EQ(send(), 2);  // the third region's first
}

TEST_F(CourierTest, SendsWhatDoesNotBuildOnABatchThatIsHeld) {
  take(kThird, 1, 1);
  take(kPeer, 1, 1);
  EXPECT_EQ(send(), 1);
  answer(Verdict::kApplied);
  EXPECT_EQ(courier->settled(), repl::Offset{0});
}

TEST_F(CourierTest, SendsAllAgainBehindARefusal) {
  take(kPeer, 1, 1);
  take(kPeer, 2, 1);
  EXPECT_EQ(send(), 2);
  answer(Verdict::kRefused);
  EXPECT_EQ(send(), 0);
  answer(Verdict::kGap, {kPeer, 1});
  EXPECT_EQ(courier->trouble()->verdict, Verdict::kRefused);
  EXPECT_EQ(send(), 0);
  now = now + limits.retry_wait;
  EXPECT_EQ(send(), 2);
  answer(Verdict::kApplied);
  EXPECT_FALSE(courier->trouble());
}

TEST_F(CourierTest, SendsWhatWasRefusedTogetherAgainAlone) {
  for (crdt::Seq seq = 1; seq <= 4; ++seq) take(kPeer, seq, 1);
  EXPECT_FALSE(courier->next(now)->is_alone);
  EXPECT_EQ(send(), 3);
  courier->split(2);
  EXPECT_EQ(send(), 0);  // before the rest is answered
  courier->split(2);
  EXPECT_FALSE(courier->trouble());
  for (crdt::Seq seq = 1; seq <= 4; ++seq) EXPECT_TRUE(courier->next(now)->is_alone);
  answer(Verdict::kDuplicate);
  for (crdt::Seq seq = 2; seq <= 4; ++seq) answer(Verdict::kApplied);
  EXPECT_EQ(courier->settled(), repl::Offset{40});
  EXPECT_EQ(courier->in_flight_bytes(), 0U);
}

TEST_F(CourierTest, IsNoMoreInTroubleOnceAnotherHasBroughtWhatWasRefused) {
  take(kPeer, 1, 1);
  send();
  answer(Verdict::kRefused);
  ASSERT_TRUE(courier->trouble());
  crdt::VersionVector known;
  known.advance({kPeer, 1});
  courier->learn(known, now);
  now = now + limits.retry_wait;
  EXPECT_EQ(send(), 0);
  EXPECT_FALSE(courier->trouble());
}

// Behind it all would be refused; and what it needs may be behind it in the stream.
TEST_F(CourierTest, TriesOneAloneOfWhomSomethingIsLacking) {
  take(kPeer, 1, 1, {{kThird, 2}});
  take(kPeer, 2, 1);
  take(kThird, 1, 1);
  take(kThird, 2, 1);
  EXPECT_EQ(send(), 0);
  now = now + 2 * limits.gossip_wait;
  EXPECT_EQ(send(), 4);
  for (int i = 0; i < 2; ++i) answer(Verdict::kApplied);  // the third region's go first
  answer(Verdict::kWait, {kThird, 3});
  answer(Verdict::kGap, {kPeer, 1});
  EXPECT_EQ(send(), 0);
  now = now + limits.gossip_wait;
  EXPECT_EQ(send(), 1);
  answer(Verdict::kWait, {kThird, 3});
  EXPECT_EQ(send(), 0);
  crdt::VersionVector vector;
  vector.advance({kThird, 3});
  courier->learn(vector, now);
  EXPECT_EQ(send(), 1);
  answer(Verdict::kApplied);
  EXPECT_EQ(send(), 1);
}

TEST_F(CourierTest, TellsOutOfTurnWhoIsToldToLeaveOrCalledBack) {
  for (const crdt::Effect& word :
       {crdt::Effect(crdt::Leave{kSelf.region, 0}), crdt::Effect(crdt::Return{kSelf.region})}) {
    for (const crdt::Actor maker : {kPeer, kThird}) {
      start({});
      take(kPeer, 1, 1, {{kThird, 9}});
      now = now + 3 * limits.gossip_wait;
      while (send() == 0) now = now + limits.gossip_wait;
      answer(Verdict::kWait, {kThird, 9});
      auto batch = batch_of(maker, 2, 1, {{kThird, 9}}, end += 10);
      batch.bytes = crdt::encode({.header = batch.header, .ops = {{{}, word, false}}});
      batch.is_foreign = maker != kPeer;
      courier->take(batch, now);
      const auto apply = courier->next(now);
      ASSERT_TRUE(apply);
      EXPECT_EQ(*apply->batch, batch.bytes);
      answer(Verdict::kGap, {maker, 2});
      EXPECT_EQ(send(), 0);  // once
    }
  }
}

TEST_F(CourierTest, GivesAGapTimeToBeFilled) {
  take(kPeer, 5, 1);
  EXPECT_EQ(send(), 1);
  answer(Verdict::kGap, {kPeer, 1});
  EXPECT_FALSE(courier->gap());
  now = now + limits.gap_wait;
  EXPECT_EQ(send(), 1);
  answer(Verdict::kGap, {kPeer, 1});
  EXPECT_EQ(courier->gap(), (crdt::Dot{kPeer, 1}));
}

TEST_F(CourierTest, FillsAGapWithWhatTheStreamBringsLater) {
  take(kPeer, 3, 1);
  EXPECT_EQ(send(), 1);
  answer(Verdict::kGap, {kPeer, 1});
  take(kPeer, 1, 1);
  take(kPeer, 2, 1);
  take(kPeer, 3, 1);
  EXPECT_EQ(send(), 3);  // at once, and not its copy
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(courier->settled(), repl::Offset{0});
    answer(Verdict::kApplied);
  }
  EXPECT_EQ(send(), 0);
  EXPECT_EQ(courier->settled(), repl::Offset{40});
}

TEST_F(CourierTest, DropsADetachedRegionsBatchesAndHoldsUpADetachedPeers) {
  take(kThird, 1, 1);
  take(kPeer, 1, 1);
  now = now + limits.gossip_wait;
  EXPECT_EQ(send(), 2);
  answer(Verdict::kDetached);
  EXPECT_EQ(courier->dropped(), 1U);
  answer(Verdict::kDetached);
  EXPECT_EQ(courier->trouble()->verdict, Verdict::kDetached);
  now = now + limits.retry_wait;
  EXPECT_EQ(send(), 0);
}

TEST_F(CourierTest, StopsAtTheLimitsOfBytes) {
  limits.in_flight_bytes = 1;
  limits.queue_bytes = 200;
  start({});
  take(kPeer, 1, 1);
  EXPECT_TRUE(courier->has_room());
  take(kPeer, 2, 1);
  EXPECT_FALSE(courier->has_room());
  EXPECT_EQ(send(), 1);
  answer(Verdict::kApplied);
  EXPECT_TRUE(courier->has_room());
  EXPECT_EQ(send(), 1);
}

TEST_F(CourierTest, AsksForThePositionToBeStoredNowAndThen) {
  EXPECT_FALSE(courier->wants_position(now));
  courier->read_to(repl::Offset{100});
  EXPECT_EQ(courier->wants_position(now), repl::Offset{100});
  courier->positioned(repl::Offset{100});
  courier->read_to(repl::Offset{200});
  EXPECT_FALSE(courier->wants_position(now));
  now = now + limits.position_interval;
  EXPECT_EQ(courier->wants_position(now), repl::Offset{200});
}

}  // namespace
}  // namespace sluice::geo
