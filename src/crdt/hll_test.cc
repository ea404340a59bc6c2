#include "crdt/hll.h"

#include <gtest/gtest.h>

namespace sluice::crdt {
namespace {

std::string header(char encoding, char cached = 0) {
  return std::string("HYLL") + encoding + std::string(3, '\0') + std::string(8, cached);
}

// Registers 0..99 are zero, 100 and 101 are 5, the rest is zero.
std::string sparse_runs() {
  return std::string("\x40\x63\x91", 3) + std::string("\x7f\x99", 2);
}

TEST(Hll, IsTheSameHoweverItIsStored) {
  std::string packed(12288, '\0');
  packed[75] = 5;                              // register 100: the low six bits of byte 75
  packed[75] = static_cast<char>(5 | 1 << 6);  // register 101 begins in its high bits
  packed[76] = 1;
  const auto dense = hll_registers(header(0) + packed);
  const auto sparse = hll_registers(header(1, '\x7f') + sparse_runs());
  ASSERT_TRUE(dense && sparse);
  EXPECT_EQ(*dense, *sparse);
  EXPECT_EQ(dense->at(100), 5);
  EXPECT_EQ(dense->at(101), 5);
  EXPECT_EQ(dense->at(102), 0);
}

TEST(Hll, IsNoneWhereRedisWouldSayThatItIsDamaged) {
  EXPECT_FALSE(hll_registers(""));
  EXPECT_FALSE(hll_registers("a string that is long enough"));
  EXPECT_FALSE(hll_registers(header(0) + std::string(12287, '\0')));
  EXPECT_FALSE(hll_registers(header(1) + sparse_runs() + '\0'));
  EXPECT_FALSE(hll_registers(header(1) + sparse_runs().substr(0, 4)));
  EXPECT_FALSE(hll_registers(header(2) + sparse_runs()));
}

}  // namespace
}  // namespace sluice::crdt
