#include "geo/snapshot_front.h"

#include <gtest/gtest.h>

namespace sluice::geo {
namespace {

using std::string_literals::operator""s;

// Type ids as Redis packs them: "sluicegeo" and "otherType", of encoding version 1.
std::string type_id(std::string_view name) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::uint64_t id = 0;
  for (const char letter : name) id = id << 6U | kLetters.find(letter);
  id = id << 10U | 1U;
  std::string bytes = "\x81";
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(id >> shift);
  return bytes;
}

std::string text(std::string_view bytes) {
  return static_cast<char>(bytes.size()) + std::string(bytes);
}

std::string aux(std::string_view type, std::string_view values) {
  return "\xf7" + type_id(type) + "\x02\x01"s + std::string(values) + "\0"s;
}

const std::string kBegin =
    "REDIS0010\xfa" + text("redis-ver") + text("7.0.15") + "\xfa" + text("redis-bits") + "\xc0\x40";
// Two entries: 1.300 up to 5, 2.1 up to 7.
const std::string kVector = "\x02\x01\xac\x02\x05\x02\x01\x07";

SnapshotFront read(std::string_view rdb, std::size_t piece) {
  SnapshotFront front;
  for (std::size_t at = 0; at < rdb.size(); at += piece) {
    const auto fed = front.feed(rdb.substr(at, piece));
    EXPECT_TRUE(fed) << fed.error().detail;
  }
  return front;
}

class SnapshotFrontTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(SnapshotFrontTest, FindsTheVectorBehindOtherModulesAndBeforeTheKeys) {
  const auto rdb =
      kBegin + aux("otherType", "\x05" + text("irrelevant") + "\x01\x05\x04" + "12345678") +
      aux("sluicegeo", "\x05" + text(kVector) + "\x05" + "\x80\x00\x00\x00\x0a"s + "0123456789") +
      "\xfe\x00\xfb\x01\x00"s;
  const auto front = read(rdb, GetParam());
  ASSERT_TRUE(front.is_known());
  ASSERT_TRUE(front.vector());
  EXPECT_EQ(front.vector()->at({1, 300}), 5U);
  EXPECT_EQ(front.vector()->at({2, 1}), 7U);
  EXPECT_TRUE(front.has_keys());
}

TEST_P(SnapshotFrontTest, SaysThatThereIsNoModuleAndNoKey) {
  const auto front = read(kBegin + "\xff", GetParam());
  ASSERT_TRUE(front.is_known());
  EXPECT_FALSE(front.vector());
  EXPECT_FALSE(front.has_keys());
}

INSTANTIATE_TEST_SUITE_P(Pieces, SnapshotFrontTest, ::testing::Values(1, 2, 5, 33, 100000));

TEST(SnapshotFront, RefusesWhatIsNoRdbOrNoVector) {
  EXPECT_FALSE(SnapshotFront{}.feed("GARBAGE!!"));
  EXPECT_FALSE(SnapshotFront{}.feed(kBegin + aux("sluicegeo", "\x05" + text("\x05\x01"))));
}

}  // namespace
}  // namespace sluice::geo
