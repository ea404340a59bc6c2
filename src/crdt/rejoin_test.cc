#include <algorithm>
#include <gtest/gtest.h>

#include "crdt/region_test.h"

namespace sluice::crdt {
namespace {

// Region 2, alone until now, has merged one of two keys of region 1's snapshot.
class Rejoin : public testing::Test {
 protected:
  void SetUp() override {
    a.write(Increment{10}, "counter");
    a.write(AddMembers{{"a"}}, "set");
    b.write(Increment{5}, "counter");
    snapshot = a.redis;
    saved = a.region.save();
    begin(b.region);
    merge(b.region, b.redis, "counter");
  }

  void begin(Region& region) {
    ASSERT_TRUE(region.begin_merge(saved, {.keeps_plain = true, .is_unchecked = true}));
  }

  void merge(Region& region, ModelRedis& redis, const std::string& name) {
    const KeyName key{0, name};
    region.merge_key(key, [&] { redis.keys[key] = snapshot.keys[key]; }, redis, b.now_ms);
  }

  void finish(Region& region, ModelRedis& redis) {
    merge_rest(region, redis, b.now_ms);
    finish_merge(region, 2);
  }

  TestRegion a{1, {1, 2}};
  TestRegion b{2, {2}};
  const KeyName counter{0, "counter"};
  ModelRedis snapshot;
  std::string saved;
};

// Whoever loads b's saved state and then reads its AOF: native writes that nobody notes, and batches.
TEST_F(Rejoin, TellsAnewWhatAnAofHasOnTopOfWhatWasMerged) {
  Region loaded(2, TestRegion::limits());
  ASSERT_TRUE(loaded.load(b.region.save()));
  ModelRedis redis = b.redis;
  b.write(Increment{1}, "counter");
  redis.execute({counter, Increment{1}});
  ASSERT_TRUE(loaded.record(b.sent.back(), redis, b.now_ms));
  loaded.begin_incarnation(3);
  begin(loaded);
  merge(loaded, redis, "counter");
  EXPECT_EQ(redis.string(counter), "16");
}

TEST_F(Rejoin, IsFollowedToItsEndByWhoeverCameInItsMiddle) {
  Region follower(2, TestRegion::limits());
  ASSERT_TRUE(follower.load(b.region.save()));
  EXPECT_EQ(follower.save(), b.region.save());
  ModelRedis redis = b.redis;
  const KeyName set{0, "set"};
  const auto write_to = [&](ModelRedis& into) {
    return [&] { into.keys[set] = snapshot.keys[set]; };
  };
  const auto kept = b.region.merge_key(set, write_to(b.redis), b.redis, b.now_ms);
  ASSERT_TRUE(follower.follow_merge_key(set, kept, write_to(redis), redis));
  follower.follow_finish_merge(2, b.region.finish_merge(2));
  b.region.tell_all();
  ASSERT_TRUE(follower.record(*b.region.flush(b.now_ms), redis, b.now_ms));
  EXPECT_EQ(redis.string(counter), "15");
  EXPECT_TRUE(redis.contains({0, "set"}, "a"));
  EXPECT_EQ(follower.save(), b.region.save());
}

// Some have heard what it told, and some have not; who takes over has nothing but the end of the merge.
TEST_F(Rejoin, IsTakenOverByWhoKnowsOnlyThatItIsBack) {
  merge(b.region, b.redis, "set");
  Region heir(2, TestRegion::limits());
  ASSERT_TRUE(heir.load(b.region.save()));
  heir.follow_finish_merge(2, b.region.finish_merge(2));
  EXPECT_FALSE(b.region.flush(b.now_ms));
  b.region.tell_all();
  const auto told = *b.region.flush(b.now_ms);
  heir.begin_incarnation(3);
  const auto told_again = *heir.flush(b.now_ms);
  TestRegion c(3, {1, 2, 3});
  c.hear(a);
  for (const auto& [heard, by] :
       {std::pair(&told, &a), {&told_again, &a}, {&told_again, &c}, {&told, &c}}) {
    const auto outcome = by->region.apply(*heard, by->redis, b.now_ms + 1000);
    ASSERT_TRUE(outcome.has_value()) << outcome.error().detail;
    EXPECT_EQ(std::holds_alternative<Duplicate>(*outcome), heard == &told && by == &c);
    EXPECT_EQ(by->redis.string(counter), "15");
  }
}

// A list of b, which tells it anew by two returns, to peers that have less and less of it.
class RejoinTwice : public testing::Test {
 protected:
  void push(const std::string& value) { b.write(InsertElements{-1, {value}}, "list"); }

  void begin(TestRegion& peer) {
    ASSERT_TRUE(
        b.region.begin_merge(peer.region.save(), {.keeps_plain = true, .is_unchecked = true}));
    b.region.merge_key(
        list, [&] { b.redis.keys[list] = peer.redis.keys[list]; }, b.redis, b.now_ms);
  }

  void finish() {
    merge_rest(b.region, b.redis, b.now_ms);
    finish_merge(b.region, ++incarnation);
    b.sent.push_back(*b.region.flush(b.now_ms));
  }

  void expect_to_be_told(TestRegion& peer, const std::vector<std::string>& wanted) {
    peer.region.join(2, peer.now_ms);
    const auto outcome = peer.region.apply(b.sent.back(), peer.redis, b.now_ms + 1000);
    ASSERT_TRUE(outcome && std::holds_alternative<Applied>(*outcome));
    EXPECT_EQ(b.redis.keys.at(list).list, wanted);
    EXPECT_EQ(peer.redis.keys.at(list).list, wanted);
  }

  TestRegion a{1, {1, 2}}, b{2, {1, 2}}, c{3, {2, 3}};
  const KeyName list{0, "list"};
  std::uint32_t incarnation = 1;
};

TEST_F(RejoinTwice, TellsWhatWasWrittenInTheMiddleBehindWhatWasWrittenBefore) {
  push("before");
  begin(a);
  finish();
  push("between");
  begin(a);
  push("in the middle");
  finish();
  expect_to_be_told(a, {"before", "between", "in the middle"});
}

TEST_F(RejoinTwice, TellsElementsFromBeforeTheModuleInTheOrderInWhichTheyAreHere) {
  b.redis.keys[list].type = ValueType::kList;
  b.redis.keys[list].list = {"plain"};
  push("known to one");
  a.hear(b);
  begin(a);
  finish();
  EXPECT_EQ(b.redis.keys.at(list).list, (std::vector<std::string>{"known to one", "plain"}));
  begin(c);
  finish();
  expect_to_be_told(c, {"plain", "known to one"});
}

// A sweep that has passed finds it no more.
TEST_F(Rejoin, TellsWhatIsCreatedLateInTheSecondAttemptAndWasThereInTheFirst) {
  begin(b.region);
  merge(b.region, b.redis, "set");
  b.region.begin_sweep();
  b.redis.remove(counter);
  const Op late{counter, Increment{7}, true};
  b.redis.execute(late);
  b.region.note(late, b.redis, b.now_ms);
  const auto found = b.region.take_late();
  ASSERT_TRUE(found && *found == counter);
  b.region.merge_key(*found, [] {}, b.redis, b.now_ms);
  EXPECT_FALSE(b.region.take_late());
  finish_merge(b.region, 2);
  const auto batch = decode_batch(*b.region.flush(b.now_ms));
  EXPECT_TRUE(std::ranges::any_of(batch->ops, [&](const Op& op) { return op.key == counter; }));
  EXPECT_EQ(b.redis.type(counter), ValueType::kString);
}

// The libraries of two regions that had the same ones, and what becomes of them when b takes a's snapshot.
class RejoinWithLibraries : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* const name : {"deleted", "changed", "both"})
      a.write(WriteLibrary{name, "old"});
    b.hear(a);
    a.write(WriteLibrary{"deleted", ""});
    a.write(WriteLibrary{"changed", "a's"});
    a.write(WriteLibrary{"both", "a's"});
    a.write(WriteLibrary{"new", "a's"});
    b.now_ms += 1000;
    b.write(WriteLibrary{"both", "b's"});
    b.write(WriteLibrary{"own", "b's"});
    begin();
  }

  void begin() {
    ASSERT_TRUE(b.region.begin_merge(a.region.save(), {.is_unchecked = true}));
    for (const auto& [name, code] : a.redis.libraries) merge(name, code);
  }
  void merge(const std::string& name, const std::string& code) {
    const auto here = b.redis.libraries.find(name);
    b.region.merge_library({name, code}, here == b.redis.libraries.end() ? "" : here->second,
                           b.redis);
  }
  void finish() {
    for (const auto& [name, code] : std::map(b.redis.libraries))
      if (!b.region.is_library_merged(name)) merge(name, "");
    finish_merge(b.region, 2);
    a.region.join(2, a.now_ms);
    const auto batch = b.region.flush(b.now_ms);
    ASSERT_TRUE(batch && a.region.apply(*batch, a.redis, b.now_ms + 1000));
  }

  TestRegion a{1, {1, 2}}, b{2, {1, 2}};
};

TEST_F(RejoinWithLibraries, KeepsWhatItWroteLastAndTellsIt) {
  finish();
  const std::map<std::string, std::string> wanted{
      {"both", "b's"}, {"changed", "a's"}, {"new", "a's"}, {"own", "b's"}};
  EXPECT_EQ(b.redis.libraries, wanted);
  EXPECT_EQ(a.redis.libraries, wanted);
}

TEST_F(RejoinWithLibraries, TellsWhatWasWrittenInItsMiddleIfItIsBegunAgain) {
  b.write(WriteLibrary{"changed", "b's"});
  begin();
  finish();
  EXPECT_EQ(b.redis.libraries.at("changed"), "b's");
  EXPECT_EQ(b.redis.libraries.at("both"), "b's");
  EXPECT_EQ(a.redis.libraries, b.redis.libraries);
}

}  // namespace
}  // namespace sluice::crdt
