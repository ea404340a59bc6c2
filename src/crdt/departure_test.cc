#include <gtest/gtest.h>
#include <map>
#include <utility>

#include "crdt/region_test.h"

namespace sluice::crdt {
namespace {

// Links that wait where something is refused, and look further for what concerns their own region.
class ThreeWhoMayLeave : public testing::Test {
 protected:
  void exchange() {
    for (TestRegion* const to : all)
      for (TestRegion* const from : all)
        if (from != to) deliver(*from, *to);
    for (TestRegion* const one : all) {
      one->now_ms += 1000;
      one->announce();
      one->collect();
      one->announce();
    }
  }

  void deliver(TestRegion& from, TestRegion& to) {
    auto& at = positions[{&from, &to}];
    bool waits = false;
    for (auto next = at; next < from.sent.size(); ++next) {
      const auto outcome = to.region.apply(from.sent[next], to.redis, to.now_ms);
      ASSERT_TRUE(outcome.has_value());
      if (std::holds_alternative<Applied>(*outcome)) to.sent.push_back(from.sent[next]);
      to.announce();  // it may tell somebody to leave, or call him back
      waits = waits || !(std::holds_alternative<Applied>(*outcome) ||
                         std::holds_alternative<Duplicate>(*outcome));
      if (!waits) at = next + 1;
    }
  }

  // By the snapshot of whoever is able to give one.
  void rejoin(TestRegion& region) {
    for (TestRegion* const peer : all) {
      if (peer == &region || !region.region.must_rejoin()) continue;
      if (!region.region.begin_merge(peer->region.save(), {})) continue;
      for (const auto& [name, value] : ModelRedis(peer->redis).keys)
        region.region.merge_key(
            name, [&] { region.redis.keys[name] = value; }, region.redis, region.now_ms);
      merge_rest(region.region, region.redis, region.now_ms);
      finish_merge(region.region, region.region.self().incarnation + 1);
      region.announce();
    }
  }

  void come_together() {
    for (int round = 0; round < 20; ++round) {
      exchange();
      for (TestRegion* const one : all) rejoin(*one);
    }
  }

  TestRegion a{1}, b{2}, c{3};
  TestRegion* const all[3] = {&a, &b, &c};
  std::map<std::pair<TestRegion*, TestRegion*>, std::size_t> positions;
  const KeyName key{0, "k"};
};

TEST_F(ThreeWhoMayLeave, ComeTogetherWhereEachHasToldTheNextToLeave) {
  a.write(Increment{1});
  exchange();
  exchange();
  detach_in_a_ring(all);
  come_together();
  for (TestRegion* const one : all) {
    EXPECT_FALSE(one->region.must_rejoin());
    EXPECT_TRUE(one->region.detached().empty());
    EXPECT_EQ(one->redis.string(key), "331");
    EXPECT_EQ(one->region.stats().unstable_keys, 0U);
  }
  EXPECT_EQ(a.region.self().incarnation, 1U);  // it has stayed
}

// b is who both count on when each tells the other to leave; and b, which asks for a snapshot, knows of neither.
TEST_F(ThreeWhoMayLeave, ForgetNothingThatTheOtherLacksWhileWhoBothCountOnHasToRejoin) {
  a.write(Increment{1});
  exchange();
  exchange();
  b.region.detach(2, b.now_ms);
  b.announce();
  for (const auto& [one, other] : {std::pair(&a, &c), std::pair(&c, &a)}) {
    one->region.detach(other->region.self().region, one->now_ms);
    one->announce();
    deliver(b, *one);
    for (int round = 0; round < 3; ++round) {
      one->write(Increment{10});
      one->announce();
      one->collect();
    }
  }
  come_together();
  for (TestRegion* const one : all) {
    EXPECT_FALSE(one->region.must_rejoin());
    EXPECT_TRUE(one->region.detached().empty());
    EXPECT_EQ(one->redis.string(key), "61");
    EXPECT_EQ(one->region.stats().unstable_keys, 0U);
  }
}

TEST_F(ThreeWhoMayLeave, StayByTheOperatorsWordWhereOneIsGone) {
  a.write(Increment{1});
  exchange();
  b.region.detach(1, b.now_ms);
  b.announce();
  a.region.detach(2, a.now_ms);
  a.announce();
  for (TestRegion* const one : {&a, &b}) one->region.detach(one->region.self().region, one->now_ms);
  a.region.join(1, a.now_ms);
  a.announce();
  EXPECT_FALSE(a.region.must_rejoin());
}

// c told a to leave while both counted on b, behind an op that a can never take: c had not seen what a and b have forgotten without it. Whoever
// meets that word leaves again.
TEST_F(ThreeWhoMayLeave, StayByTheOperatorsWordToOneAfterTheOther) {
  a.write(Increment{1});
  exchange();
  exchange();
  a.region.detach(3, a.now_ms);
  a.announce();
  for (int round = 0; round < 5; ++round) {
    a.write(Increment{10});
    a.announce();
    deliver(a, b);
    deliver(b, a);
    for (TestRegion* const one : {&a, &b}) {
      one->now_ms += 1000;
      one->announce();
      one->collect();
    }
  }
  c.write(Increment{100});
  c.announce();
  c.region.detach(1, c.now_ms);
  c.announce();
  b.region.detach(2, b.now_ms);
  b.announce();
  deliver(b, a);
  deliver(c, a);
  come_together();
  for (TestRegion* const one : all) {
    if (one->region.must_rejoin()) one->region.join(one->region.self().region, one->now_ms);
    one->announce();
    come_together();
  }
  for (TestRegion* const one : all) {
    EXPECT_FALSE(one->region.must_rejoin());
    EXPECT_EQ(one->redis.string(key), "151");
    EXPECT_EQ(one->region.stats().unstable_keys, 0U);
  }
}

// Else the next life of the other goes on without knowing, and both forget what the other lacks (seed 60007230).
TEST(TwoWhoMayLeave, StayAfterAllOnceNoFailoverTakesTheWordOfTheOther) {
  TestRegion a{1, {1, 2}}, b{2, {1, 2}};
  a.write(Increment{1});
  exchange(a, b);
  b.region.set_promise(b.region.vector());
  a.region.detach(1, a.now_ms);
  a.announce();
  b.region.detach(2, b.now_ms);
  b.announce();
  const auto stays = [&] {
    a.hear(b);
    b.hear(a);
    a.collect();
    b.announce();
    a.announce();
    return !a.region.must_rejoin();
  };
  for (int round = 0; round < 3; ++round) EXPECT_FALSE(stays());
  b.region.set_promise(b.region.vector());
  b.announce();
  EXPECT_TRUE(stays());
}

TEST(TwoWhoMayLeave, AreToldWhatAFailoverHasTakenFromThem) {
  TestRegion a{1, {1, 2}};
  TestRegion b{2, {1, 2}};
  a.write(Increment{1});
  exchange(a, b);
  const auto saved = b.region.save();
  b.region.detach(2, b.now_ms);
  b.announce();
  a.hear(b);
  ASSERT_TRUE(b.region.load(saved));
  b.region.begin_incarnation(2);
  b.announce();
  const auto outcome = a.region.apply(b.sent.back(), a.redis, a.now_ms);
  ASSERT_TRUE(outcome && std::holds_alternative<Detached>(*outcome));
  a.announce();
  const auto told = decode_batch(a.sent.back());
  const auto* const leave = std::get_if<Leave>(&told->ops.front().effect);
  ASSERT_NE(leave, nullptr);
  EXPECT_EQ(leave->region, 2U);
}

}  // namespace
}  // namespace sluice::crdt
