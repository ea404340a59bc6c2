// Three that have told each other to leave in a ring, in whatever order each then hears the others and takes snapshots,
// older ones too.
#include <gtest/gtest.h>
#include <map>
#include <utility>

#include "crdt/commands_test.h"
#include "crdt/region_test.h"

namespace sluice::crdt {
namespace {

class Ring {
 public:
  explicit Ring(std::uint64_t seed) : dice_(seed) {
    a_.write(Increment{1});
    for (int round = 0; round < 3; ++round) exchange();
    detach_in_a_ring(all_);
  }

  void step() {
    TestRegion& one = *all_[dice_.below(3)];
    TestRegion& other = *all_[dice_.below(3)];
    switch (dice_.below(6)) {
      case 0:
      case 1:
      case 2:
        if (&one != &other) deliver(other, one, 1 + dice_.below(6));
        return;
      case 3:
        one.now_ms += dice_.below(1500);
        one.announce();
        one.region.collect(dice_.below(20));
        return one.announce();
      case 4:
        snapshots_[&one] = {one.region.save(), one.redis};
        return;
      default:
        if (&one != &other && one.region.must_rejoin()) rejoin(one, other, dice_.chance(50));
    }
  }

  std::string settle() {
    for (int round = 0; round < 60; ++round) {
      exchange();
      for (TestRegion* const one : all_)
        for (TestRegion* const peer : all_)
          if (one != peer && one->region.must_rejoin()) rejoin(*one, *peer, false);
    }
    std::string wrong;
    for (TestRegion* const one : all_) {
      if (one->region.must_rejoin()) wrong += " has to rejoin";
      if (!one->region.detached().empty()) wrong += " has detached";
      if (one->redis.string(key_) != "331") wrong += " has " + one->redis.string(key_);
      if (one->region.stats().unstable_keys != 0) wrong += " keeps keys";
      if (!wrong.empty()) return std::to_string(one->region.self().region) + wrong;
    }
    return {};
  }

 private:
  void exchange() {
    for (TestRegion* const to : all_)
      for (TestRegion* const from : all_)
        if (from != to) deliver(*from, *to, 1000);
    for (TestRegion* const one : all_) {
      one->now_ms += 1000;
      one->announce();
      one->collect();
      one->announce();
    }
  }

  void deliver(TestRegion& from, TestRegion& to, std::uint64_t most) {
    if (to.region.is_half_merged()) return;
    auto& at = positions_[{&from, &to}];
    bool waits = false;
    for (auto next = at; next < from.sent.size() && most > 0; ++next, --most) {
      const auto outcome = to.region.apply(from.sent[next], to.redis, to.now_ms + 100'000);
      ASSERT_TRUE(outcome.has_value());
      if (std::holds_alternative<Applied>(*outcome)) to.sent.push_back(from.sent[next]);
      to.announce();  // it may tell somebody to leave, or call him back
      waits = waits || !(std::holds_alternative<Applied>(*outcome) ||
                         std::holds_alternative<Duplicate>(*outcome));
      if (!waits) at = next + 1;
    }
  }

  void rejoin(TestRegion& one, TestRegion& peer, bool by_old) {
    std::pair<std::string, ModelRedis> snapshot{peer.region.save(), peer.redis};
    if (by_old) {
      if (!snapshots_.contains(&peer)) return;
      snapshot = snapshots_.at(&peer);
    }
    one.announce();
    if (one.region.has_unflushed()) return;
    if (!one.region.begin_merge(snapshot.first, {})) return;
    for (const auto& [name, value] : snapshot.second.keys)
      one.region.merge_key(name, [&] { one.redis.keys[name] = value; }, one.redis, one.now_ms);
    merge_rest(one.region, one.redis, one.now_ms);
    if (!one.region.is_merge_complete()) {
      for (const auto& batch : peer.sent) (void)one.region.merge_stream(batch);
      if (!one.region.is_merge_complete()) return;
    }
    finish_merge(one.region, one.region.self().incarnation + 1);
    for (TestRegion* const from : all_) positions_[{from, &one}] = 0;
    one.announce();
  }

  Dice dice_;
  TestRegion a_{1}, b_{2}, c_{3};
  TestRegion* const all_[3] = {&a_, &b_, &c_};
  std::map<std::pair<TestRegion*, TestRegion*>, std::size_t> positions_;
  std::map<TestRegion*, std::pair<std::string, ModelRedis>> snapshots_;
  const KeyName key_{0, "k"};
};

TEST(Ring, ComesTogetherInWhateverOrderEachHearsTheOthers) {
  constexpr std::uint64_t kSeeds = 2000;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Ring ring(seed);
    Dice dice(seed * 7);
    for (auto steps = dice.below(60); steps > 0; --steps) ring.step();
    ASSERT_EQ(ring.settle(), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::crdt
