#include "crdt/key_set.h"

#include <gtest/gtest.h>

namespace sluice::crdt {
namespace {

TEST(KeySet, HoldsWhatWasInsertedAndNothingElse) {
  KeySet keys;
  EXPECT_FALSE(keys.contains({0, "0"}));
  for (int n = 0; n < 10'000; ++n)
    EXPECT_TRUE(keys.insert(KeyName{static_cast<std::uint32_t>(n % 3), std::to_string(n)}));
  for (int n = 0; n < 10'000; ++n) {
    EXPECT_FALSE(keys.insert(KeyName{static_cast<std::uint32_t>(n % 3), std::to_string(n)}));
    EXPECT_FALSE(keys.contains({static_cast<std::uint32_t>(n % 3 + 1), std::to_string(n)}));
  }
  EXPECT_EQ(keys.size(), 10000U);
}

TEST(KeySet, TellsKeysApartThatDifferInLengthOnly) {
  KeySet keys;
  keys.insert(KeyName{0, std::string(3, '\0')});
  EXPECT_FALSE(keys.contains({0, std::string(4, '\0')}));
  EXPECT_FALSE(keys.contains({0, ""}));
}

}  // namespace
}  // namespace sluice::crdt
