#include <gtest/gtest.h>

#include "crdt/region_test.h"

namespace sluice::crdt {
namespace {

class SavedRegion : public testing::Test {
 protected:
  // A restart from a snapshot of now, which drops keys whose deadline has passed.
  std::vector<KeyName> dropped() {
    Region loaded(1, TestRegion::limits());
    EXPECT_TRUE(loaded.load(a.region.save()).has_value());
    ModelRedis redis = a.redis;
    std::erase_if(redis.keys, [&](const auto& each) { return each.second.deadline <= a.now_ms; });
    return loaded.dropped(redis, a.now_ms);
  }

  TestRegion a{1, {1, 2}};
  const KeyName key{0, "k"};
};

TEST_F(SavedRegion, HasDroppedAKeyWhoseDeadlinePassed) {
  a.write(WriteString{"v", a.now_ms + 100});
  EXPECT_TRUE(dropped().empty());
  a.now_ms += 1000;
  EXPECT_EQ(dropped(), (std::vector{key}));
}

TEST_F(SavedRegion, HasDroppedAKeyOfWhichNothingButItsDeadlineIsKnown) {
  a.redis.add_member(key, "stable");
  a.write(SetDeadline{a.now_ms + 100});
  a.now_ms += 1000;
  EXPECT_EQ(dropped(), (std::vector{key}));
}

TEST_F(SavedRegion, HasDroppedNoListWhoseElementsWereAllTaken) {
  a.write(InsertElements{0, {"x"}});
  a.write(RemoveElements{0, 1});
  EXPECT_GT(a.region.stats().unstable_keys, 0U);
  EXPECT_TRUE(dropped().empty());
}

// The deadline waits for an addition that has not seen the removals, and counts for it.
TEST_F(SavedRegion, HasDroppedNoKeyWhoseMembersOthersRemoved) {
  TestRegion b{2, {1, 2}};
  a.write(AddMembers{{"x"}});
  a.write(SetDeadline{a.now_ms + 100'000});
  b.hear(a);
  b.write(RemoveMembers{{"x"}});
  a.hear(b);
  EXPECT_EQ(a.redis.type(key), ValueType::kNone);
  EXPECT_GT(a.region.stats().unstable_keys, 0U);
  EXPECT_TRUE(dropped().empty());
}

// Of keys without metadata nobody knows which were dropped.
TEST_F(SavedRegion, LeavesToTakeASnapshotWhereOthersBuildOnWhatWasDropped) {
  TestRegion b{2, {1, 2}};
  b.redis.write_string(key, "stable");
  a.region.may_lack_keys();
  b.write(SetDeadline{b.now_ms + 100'000});
  a.hear(b);
  EXPECT_TRUE(a.region.must_rejoin());
}

TEST_F(SavedRegion, StaysWhereOthersMadeKeysAnew) {
  TestRegion b{2, {1, 2}};
  a.region.may_lack_keys();
  b.write(WriteString{"new"});
  b.write(Increment{1}, "counter");
  b.write(Increment{1}, "counter");
  b.write(RemoveKey{}, "gone");
  a.hear(b);
  EXPECT_FALSE(a.region.must_rejoin());
}

}  // namespace
}  // namespace sluice::crdt
