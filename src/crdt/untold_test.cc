// Data from before the module, on which something was written since: a peer has that, and not what it stands on.
#include <gtest/gtest.h>

#include "crdt/region_test.h"

namespace sluice::crdt {
namespace {

using Values = std::vector<std::string>;

class PlainLists : public testing::Test {
 protected:
  PlainLists() {
    b.region.begin_adoption();
    b.redis.insert_elements(key, 0, {"1", "2", "3"});
    exchange();
  }

  void exchange() { crdt::exchange(a, b); }
  void tell() {
    ASSERT_TRUE(b.region.knows(key));
    for (const Op& op : b.region.untold(key, b.redis)) b.region.note(op, b.redis, ++b.now_ms);
    b.region.end_adoption();
    b.announce();
  }
  void expect_everywhere(const Values& values) {
    exchange();
    EXPECT_EQ(b.redis.keys[key].list, values);
    EXPECT_EQ(ModelRedis::difference(a.redis, b.redis), "");
    a.collect();
    b.collect();
    EXPECT_EQ(a.region.stats().unstable_keys + b.region.stats().unstable_keys, 0U);
  }

  TestRegion a{1, {1, 2}};
  TestRegion b{2, {1, 2}};
  const KeyName key{0, "k"};
};

TEST_F(PlainLists, AreToldAroundElementsThatThePeerHas) {
  b.redis.set_deadline(key, 5'000'000);
  b.write(InsertElements{-1, {"4"}});
  b.write(InsertElements{0, {"0"}});
  a.hear(b);
  tell();
  expect_everywhere({"0", "1", "2", "3", "4"});
  EXPECT_EQ(a.redis.deadline(key), 5'000'000U);
}

TEST_F(PlainLists, AreToldAfterTheirMakerHasRemovedSomeOfThem) {
  b.write(InsertElements{-1, {"4"}});
  a.hear(b);
  b.write(RemoveElements{0, 1});
  b.write(InsertElements{-1, {"5"}});
  a.hear(b);
  tell();
  expect_everywhere({"2", "3", "4", "5"});
}

TEST_F(PlainLists, KeepWhatThePeerInsertsMeanwhile) {
  b.write(InsertElements{-1, {"4"}});
  a.hear(b);
  tell();
  a.write(InsertElements{-1, {"a's"}});
  expect_everywhere({"1", "2", "3", "4", "a's"});
}

TEST_F(PlainLists, AreToldOnceWhatWasWrittenIsStable) {
  b.write(InsertElements{-1, {"4"}});
  exchange();
  a.collect();
  tell();
  b.write(InsertElements{-1, {"5"}});
  expect_everywhere({"1", "2", "3", "4", "5"});
}

TEST_F(PlainLists, AreToldOnceWhatWasWrittenIsForgotten) {
  b.write(InsertElements{-1, {"4"}});
  exchange();
  a.collect();
  b.collect();
  tell();
  expect_everywhere({"1", "2", "3", "4"});
}

TEST_F(PlainLists, LoseNothingToAPeerThatPopsWhatItHas) {
  b.write(InsertElements{-1, {"4", "5"}});
  a.hear(b);
  a.write(RemoveElements{0, 1});
  EXPECT_EQ(a.redis.keys[key].list, Values{"5"});
  exchange();
  tell();
  expect_everywhere({"1", "2", "3", "5"});
}

TEST_F(PlainLists, LoseNothingToAPeerThatPopsWhatIsForgotten) {
  b.write(InsertElements{-1, {"4", "5"}});
  exchange();
  a.collect();
  b.collect();
  a.write(RemoveElements{0, 1});
  exchange();
  a.collect();
  b.collect();
  a.write(RemoveElements{0, 1});
  exchange();
  tell();
  expect_everywhere({"1", "2", "3"});
}

TEST_F(PlainLists, LoseToAPeerWhatItHasHeardOf) {
  b.write(InsertElements{-1, {"4"}});
  a.hear(b);
  tell();
  exchange();
  a.write(RemoveElements{0, 1});
  expect_everywhere({"2", "3", "4"});
}

TEST_F(PlainLists, LoseWhatTheirOwnRegionPops) {
  b.write(InsertElements{-1, {"4"}});
  exchange();
  b.collect();
  b.write(RemoveElements{0, 1});
  exchange();
  b.collect();
  tell();
  expect_everywhere({"2", "3", "4"});
}

TEST_F(PlainLists, AreKnownByWhoeverLoadsThem) {
  b.write(InsertElements{-1, {"4"}});
  exchange();
  b.collect();
  const auto saved = b.region.save();
  ASSERT_TRUE(b.region.load(saved).has_value());
  b.region.begin_incarnation(2);
  b.announce();
  a.write(RemoveElements{0, 1});
  exchange();
  tell();
  expect_everywhere({"1", "2", "3"});
}

TEST_F(PlainLists, LoseNothingToAPeerThatPopsAllItHas) {
  b.redis.set_deadline(key, 5'000'000);
  b.write(InsertElements{-1, {"4"}});
  exchange();
  b.collect();
  a.write(RemoveElements{0, 1});
  a.empty(key);
  exchange();
  tell();
  expect_everywhere({"1", "2", "3"});
  EXPECT_EQ(a.redis.deadline(key), 5'000'000U);
}

TEST(PlainElements, StayWhereAPeerRemovesTheLastThatItHas) {
  TestRegion a{1, {1, 2}};
  TestRegion b{2, {1, 2}};
  const KeyName set{0, "s"};
  const KeyName hash{0, "h"};
  const KeyName zset{0, "z"};
  b.region.begin_adoption();
  for (const char* name : {"1", "2"}) {
    b.redis.add_member(set, name);
    b.redis.write_field(hash, name, "v");
    b.redis.write_score(zset, name, 1);
  }
  b.redis.set_deadline(set, 5'000'000);
  for (const bool is_stable : {false, true}) {
    b.write(AddMembers{{"3"}}, "s");
    b.write(WriteFields{{{"3", "v"}}}, "h");
    b.write(WriteScores{{{"3", 1}}}, "z");
    a.hear(b);
    if (is_stable) {
      exchange(a, b);
      a.collect();
      b.collect();
    }
    a.write(RemoveMembers{{"3"}}, "s");
    a.empty(set);
    a.write(RemoveFields{{"3"}}, "h");
    a.empty(hash);
    a.write(RemoveScores{{"3"}}, "z");
    a.empty(zset);
    b.hear(a);
  }
  for (const auto& key : {set, hash, zset}) {
    EXPECT_EQ(a.redis.type(key), ValueType::kNone);
    std::vector<std::string> names;
    b.redis.for_each_element(
        key, [&](std::string_view name, std::string_view) { names.emplace_back(name); });
    EXPECT_EQ(names, (Values{"1", "2"})) << key.name;
  }
  EXPECT_EQ(b.redis.deadline(set), 5'000'000U);
}

TEST(PlainElements, AreToldToWhoTakesTheSnapshot) {
  TestRegion a{1, {}};
  TestRegion b{2, {}};
  const KeyName key{0, "k"};
  b.region.begin_adoption();
  b.redis.insert_elements(key, 0, {"1", "2"});
  b.write(InsertElements{-1, {"3"}});
  ASSERT_TRUE(a.region.begin_merge(b.region.save(), {.is_unchecked = true}).has_value());
  a.region.merge_key(key, [&] { a.redis.keys[key] = b.redis.keys[key]; }, a.redis, a.now_ms);
  finish_merge(a.region, 2);
  a.announce();
  b.write(RemoveElements{0, 1});
  ASSERT_TRUE(a.region.apply(b.sent.back(), a.redis, a.now_ms).has_value());
  EXPECT_EQ(a.redis.keys[key].list, (Values{"2", "3"}));
}

// What was told by other elements meanwhile is none of those that the peer counts.
TEST_F(PlainLists, AreToldBesideWhatThePeerInsertsBeforeItHearsThem) {
  b.write(RemoveElements{0, 1});
  a.hear(b);
  a.now_ms += 500;
  a.write(ChangeString{"now"}, "other");
  a.write(InsertElements{-1, {"x"}});
  tell();
  expect_everywhere({"x", "2", "3"});
}

class PlainNumbers : public testing::Test {
 protected:
  PlainNumbers() {
    b.region.begin_adoption();
    b.redis.write_field(hash, "f", "5");
    b.redis.write_score(zset, "m", 5);
    b.redis.write_string(text, "5");
    exchange();
  }

  void exchange() { crdt::exchange(a, b); }
  void tell() {
    for (const auto& key : {hash, zset, text})
      for (const Op& op : b.region.untold(key, b.redis)) b.region.note(op, b.redis, ++b.now_ms);
    b.announce();
  }
  static void add(TestRegion& to, int by) {
    to.write(IncrementField{"f", by}, "h");
    to.write(IncrementScore{"m", static_cast<double>(by)}, "z");
    to.write(Increment{by}, "t");
  }
  void expect_everywhere(int sum) {
    exchange();
    EXPECT_EQ(b.redis.field(hash, "f"), std::to_string(sum));
    EXPECT_EQ(b.redis.score(zset, "m"), sum);
    EXPECT_EQ(b.redis.string(text), std::to_string(sum));
    EXPECT_EQ(ModelRedis::difference(a.redis, b.redis), "");
    a.collect();
    b.collect();
    EXPECT_EQ(a.region.stats().unstable_keys + b.region.stats().unstable_keys, 0U);
  }

  TestRegion a{1, {1, 2}};
  TestRegion b{2, {1, 2}};
  const KeyName hash{0, "h"}, zset{0, "z"}, text{0, "t"};
};

TEST_F(PlainNumbers, AreToldWithWhatWasAddedToThem) {
  add(b, 2);
  a.hear(b);
  tell();
  add(a, 1);
  expect_everywhere(8);
}

TEST_F(PlainNumbers, AreToldWithWhatOthersAddedWhoDidNotHaveThem) {
  add(a, 2);
  b.hear(a);
  tell();
  add(a, 1);
  expect_everywhere(8);
}

// By floats, whose makers tell what they then had: a peer that had nothing says what was its own alone.
TEST_F(PlainNumbers, KeepWhatTheyAreWhereOthersAddToThemWhoDoNotHaveThem) {
  const auto add_floats = [&](TestRegion& to) {
    to.write(IncrementFieldFloat{"f", "1"}, "h");
    to.write(IncrementScore{"m", 1}, "z");
    to.write(IncrementFloat{"1"}, "t");
  };
  add_floats(a);
  add_floats(b);
  b.hear(a);
  EXPECT_EQ(b.redis.field(hash, "f"), "7");
  add(a, 2);
  add_floats(b);
  b.hear(a);
  EXPECT_EQ(b.redis.string(text), "10");
  a.hear(b);
  tell();
  expect_everywhere(10);
}

}  // namespace
}  // namespace sluice::crdt
