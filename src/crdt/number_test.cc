#include "crdt/number.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <rapidcheck/gtest.h>

namespace sluice::crdt {
namespace {

TEST(ParseInteger, TakesWhatRedisKeepsAsAnInteger) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("-9223372036854775808"), INT64_MIN);
  for (const char* const text :
       {"", "-", "+1", "01", "-0", "1 ", " 1", "9223372036854775808", "1.0", "0x1"})
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
}

TEST(ParseFloat, TakesWhatRedisTakes) {
  EXPECT_EQ(parse_float("1e3"), 1000.0L);
  EXPECT_TRUE(std::isinf(*parse_float("inf")));
  for (const char* const text : {"", " 1", "1 ", "nan", "1x", "abc"})
    EXPECT_EQ(parse_float(text), std::nullopt) << text;
}

// As redis-server 7.0.15 answers: SET k 10.50; INCRBYFLOAT k 0.1 / SET k 5.0e3;
// INCRBYFLOAT k 2.0e2.
TEST(Incremented, WritesFloatsAsRedisDoes) {
  EXPECT_EQ(incremented("10.50", "0.1"), "10.6");
  EXPECT_EQ(incremented("5.0e3", "2.0e2"), "5200");
  EXPECT_EQ(incremented("0", "-0"), "0");
}

TEST(Incremented, LeavesWhatIsNoNumber) {
  EXPECT_EQ(incremented("abc", 1), "abc");
  EXPECT_EQ(incremented("abc", "1.5"), "abc");
  EXPECT_EQ(incremented("inf", "-inf"), "inf");
}

// Near the powers of two where decimals are as fine as binary places, or less; and what has few places.
std::string any_addend() {
  const auto by = static_cast<long double>(*rc::gen::inRange<std::int64_t>(-1'000'000, 1'000'000));
  constexpr int kLow = -70, kHigh = 70;
  const int places = *rc::gen::inRange(kLow, kHigh);
  const bool is_decimal = *rc::gen::arbitrary<bool>();
  return to_text(is_decimal ? by / 10'000.0L : std::ldexp(by, places));
}

RC_GTEST_PROP(SteppedSum, IsWhatManyIncrementsMake, ()) {
  std::string text = *rc::gen::element<std::string>(
      "0", "-0", "1e3", "5.0", "0.1234567890123456789012", "127.99", "inf", "abc", "",
      "4611686018427387904", "9223372036854775807", "-9223372036854775808", "9223372036854775808");
  SteppedSum sum(text);
  constexpr int kStepsMax = 30;
  for (int left = *rc::gen::inRange(0, kStepsMax); left > 0; --left) {
    if (*rc::gen::arbitrary<bool>()) {
      const auto by = *rc::gen::arbitrary<std::int64_t>();
      text = incremented(text, by);
      sum.add(by);
    } else {
      const auto by = any_addend();
      text = incremented(text, by);
      sum.add(by);
    }
  }
  RC_ASSERT(std::move(sum).text() == text);
}

RC_GTEST_PROP(Incremented, DoesNotCareAboutTheOrderOfIntegers,
              (std::int64_t value, std::int64_t a, std::int64_t b)) {
  const auto text = std::to_string(value);
  RC_ASSERT(incremented(incremented(text, a), b) == incremented(incremented(text, b), a));
}

RC_GTEST_PROP(ScoreBytes, GiveTheScoreBack, (double score)) {
  if (!std::isnan(score)) RC_ASSERT(score_of(score_bytes(score)) == score);
}

}  // namespace
}  // namespace sluice::crdt
