#include "geo/key_compare.h"

#include <gtest/gtest.h>

namespace sluice::geo {
namespace {

// From the Redis Cluster specification and CLUSTER KEYSLOT.
TEST(Slots, AreThoseOfRedisCluster) {
  EXPECT_EQ(slot_of("123456789"), 0x31c3);
  EXPECT_EQ(slot_of("foo"), 12182);
  EXPECT_EQ(slot_of("{foo}.bar"), 12182);
  EXPECT_EQ(slot_of("a{foo}b{bar}"), 12182);
  EXPECT_EQ(slot_of("{}foo"), slot_of("{}foo"));
  EXPECT_NE(slot_of("{}foo"), slot_of("foo"));
}

TEST(Lack, CountsTheOpsOfAllLivesOfARegion) {
  crdt::VersionVector all;
  all.advance({{1, 1}, 10});
  all.advance({{1, 2}, 5});
  all.advance({{2, 1}, 7});
  crdt::VersionVector mine;
  mine.advance({{1, 1}, 8});
  EXPECT_EQ(lacks(mine, all, 1), 7U);
  EXPECT_EQ(lacks(mine, all, 2), 7U);
  EXPECT_EQ(lacks(all, all, 1), 0U);
}

}  // namespace
}  // namespace sluice::geo
