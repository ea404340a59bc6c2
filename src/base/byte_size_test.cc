#include "base/byte_size.h"

#include <gtest/gtest.h>
#include <limits>
#include <rapidcheck/gtest.h>

namespace sluice::base {
namespace {

TEST(ByteSize, IsReadInBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_byte_size("64GiB"), 64_GiB);
  EXPECT_EQ(parse_byte_size("256mb"), ByteSize{256'000'000});
  EXPECT_EQ(parse_byte_size("4096"), ByteSize{4096});
  EXPECT_EQ(parse_byte_size("7B"), ByteSize{7});
  EXPECT_EQ(parse_byte_size("0"), ByteSize{0});
}

TEST(ByteSize, IsRefusedWhenAmbiguousNegativeOrTooLarge) {
  for (const auto* text : {"", "64G", "-1", "1.5GiB", "GiB", "1 GiB", "0x10", "16777216TiB",
                           "99999999999999999999", "+5"}) {
    EXPECT_FALSE(parse_byte_size(text)) << text;
  }
  EXPECT_EQ(parse_byte_size("64G").error().detail,
            "'64G' has no known unit: write KiB, MiB, GiB, TiB, KB, MB, GB or TB");
}

TEST(ByteSize, ReachesTheLargestNumber) {
  EXPECT_EQ(parse_byte_size("18446744073709551615")->bytes,
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(parse_byte_size("18446744073709551616"));
  EXPECT_TRUE(parse_byte_size("16777215TiB"));
}

TEST(ByteSize, IsRoundedForPeople) {
  EXPECT_EQ(to_rounded({1'572'864}), "1.5 MiB");
  EXPECT_EQ(to_rounded({1023}), "1023 B");
}

RC_GTEST_PROP(ByteSize, ComesBackFromItsText, (std::uint64_t bytes, std::uint8_t shift)) {
  const ByteSize size{bytes << (shift % 64)};
  RC_ASSERT(parse_byte_size(to_string(size)).value() == size);
}

}  // namespace
}  // namespace sluice::base
