#include "replog/block_index.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice::replog {
namespace {

using repl::Offset;

std::string_view view(const EntryText& text) {
  return {text.data(), text.size()};
}

TEST(Crc32c, IsTheCastagnoliOfTheStandards) {
  Crc32c crc;
  crc.extend("1234");
  crc.extend("56789");
  EXPECT_EQ(crc.value(), 0xe3069283U);  // the check value that every catalogue of CRCs gives
}

RC_GTEST_PROP(BlockEntryProp, IsReadBackAsItWasWritten, ()) {
  BlockEntry entry;
  entry.crc32c = *rc::gen::arbitrary<std::uint32_t>();
  entry.length = *rc::gen::inRange<std::uint32_t>(0, kBlockBytesMax + 1);
  entry.behind = *rc::gen::inRange<std::uint32_t>(0, kBehindUnknown + 1);
  entry.offset = Offset{*rc::gen::arbitrary<std::uint64_t>()};
  entry.wall_ms = *rc::gen::inRange<std::int64_t>(0, 1LL << 48);
  entry.known_mark.offset = Offset{*rc::gen::arbitrary<std::uint64_t>()};
  entry.known_mark.db = *rc::gen::inRange<std::uint32_t>(0, kDatabaseMax + 1);
  RC_ASSERT(decode(view(encode(entry))) == entry);
}

RC_GTEST_PROP(BlockEntryProp, NoticesAnyFlippedBit, ()) {
  auto bytes = *rc::gen::nonEmpty<std::string>();
  BlockEntry entry;
  entry.length = static_cast<std::uint32_t>(bytes.size());
  entry.offset = Offset{*rc::gen::inRange<std::uint64_t>(0, 1 << 30)};
  entry.wall_ms = 77;
  Crc32c crc;
  crc.extend(bytes);
  entry.crc32c = seal(entry, crc);
  RC_ASSERT(is_sound(entry, bytes));

  EntryText text = encode(entry);
  const auto bits = (bytes.size() + text.size()) * 8;
  const auto bit = *rc::gen::inRange<std::size_t>(0, bits);
  char& byte = bit / 8 < text.size() ? text[bit / 8] : bytes[bit / 8 - text.size()];
  byte = static_cast<char>(byte ^ (1 << (bit % 8)));
  RC_ASSERT(!is_sound(decode(view(text)), bytes));
}

TEST(BlockEntry, NeverClaimsMoreThanIsDurable) {
  for (const std::uint64_t durable : {0ULL, 1ULL, 65'535ULL, 65'536ULL, 999'999ULL, 1'000'000ULL}) {
    BlockEntry entry;
    entry.offset = Offset{1'000'000};
    entry.behind = behind(entry.offset, Offset{durable});
    EXPECT_LE(entry.durable_claim().bytes(), durable);
    EXPECT_LE(durable - entry.durable_claim().bytes(), kBehindUnit);
  }
}

TEST(BlockEntry, ClaimsExactlyWhatIsDurableRightBeforeIt) {
  BlockEntry entry;
  entry.offset = Offset{1'000'000};
  entry.behind = behind(entry.offset, entry.offset);
  EXPECT_EQ(entry.durable_claim(), entry.offset);
}

TEST(BlockEntry, ClaimsNothingWhenDurableIsTooFarBehind) {
  BlockEntry entry;
  entry.offset = Offset{1ULL << 40};
  entry.behind = behind(entry.offset, Offset{1});
  EXPECT_EQ(entry.behind, kBehindUnknown);
  EXPECT_EQ(entry.durable_claim(), Offset{0});
}

}  // namespace
}  // namespace sluice::replog
