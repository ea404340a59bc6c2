#include "module/digest.h"

#include <gtest/gtest.h>

#include "module/plain_keyspace_test.h"

namespace sluice::module {
namespace {

using crdt::ValueType;

TEST(DigestTest, FindsSlotsAsRedisClusterDoes) {
  EXPECT_EQ(slot_of("foo"), 12182);  // CLUSTER KEYSLOT foo
  EXPECT_EQ(slot_of("{foo}.bar"), 12182);
  EXPECT_EQ(slot_of("{}foo"), slot_of("{}foo"));
  EXPECT_NE(slot_of("{}foo"), 12182);
}

TEST(DigestTest, DependsOnContentAndNotOnOrder) {
  PlainKeyspace one;
  PlainKeyspace other;
  one.at("h", ValueType::kHash).fields = {{"a", "1"}, {"b", "2"}};
  other.at("h", ValueType::kHash).fields = {{"b", "2"}, {"a", "1"}};
  EXPECT_EQ(slot_digests(one, {}, 0), slot_digests(other, {}, 0));
  other.at("h", ValueType::kHash).fields = {{"a", "2"}, {"b", "1"}};
  EXPECT_NE(slot_digests(one, {}, 0), slot_digests(other, {}, 0));
}

TEST(DigestTest, TellsScoresApartThatDifferInTheirLastDigit) {
  PlainKeyspace one;
  PlainKeyspace other;
  one.at("z", ValueType::kZset).scores = {{"m", 1e-9}};
  other.at("z", ValueType::kZset).scores = {{"m", 2e-9}};
  EXPECT_NE(slot_digests(one, {}, 0), slot_digests(other, {}, 0));
}

TEST(DigestTest, CountsADeadlineAndNoKeyPastIt) {
  PlainKeyspace one;
  one.write_string({0, "k"}, "v");
  const auto lasting = slot_digests(one, {}, 100);
  one.set_deadline({0, "k"}, 200);
  EXPECT_NE(slot_digests(one, {}, 100), lasting);
  EXPECT_TRUE(slot_digests(one, {}, 200).empty());
}

TEST(DigestTest, LooksAtTheSlotsThatAreAskedFor) {
  PlainKeyspace one;
  one.write_string({0, "foo"}, "v");
  one.write_string({3, "bar"}, "v");
  EXPECT_EQ(slot_digests(one, {12182}, 0).size(), 1U);
  EXPECT_EQ(slot_digests(one, {}, 0).size(), 2U);
}

}  // namespace
}  // namespace sluice::module
