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

  void exchange() {
    for (int round = 0; round < 4; ++round) {
      a.hear(b);
      b.hear(a);
      a.announce();
      b.announce();
    }
  }
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

}  // namespace
}  // namespace sluice::crdt
