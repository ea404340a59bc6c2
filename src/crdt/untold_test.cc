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
    for (const Op& op : b.region.untold(key, b.redis)) b.region.note(op, b.redis, ++b.now_ms);
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

  TestRegion a{1, {1, 2}}, b{2, {1, 2}};
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

  TestRegion a{1, {1, 2}}, b{2, {1, 2}};
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

}  // namespace
}  // namespace sluice::crdt
