#include "base/text_table.h"

#include <gtest/gtest.h>

namespace sluice::base {
namespace {

TEST(TextTable, AlignsNumbersRightAndWordsLeft) {
  TextTable table({"run", "ms", "note"});
  table.add({"alone", "1.5", "-"});
  table.add({"4 replicas", "120"});
  EXPECT_EQ(table.text(),
            "run          ms  note\n"
            "==========  ===  ====\n"
            "alone       1.5  -\n"
            "4 replicas  120\n");
}

TEST(TextTable, CountsCharactersNotBytes) {
  TextTable table({"µs"});
  table.add({"abc"});
  EXPECT_EQ(table.text(), "µs\n===\nabc\n");
}

TEST(Text, PicksUnitsThatKeepThreeDigits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1000), "1.00 KB");
  EXPECT_EQ(bytes_text(310e6), "310 MB");
  EXPECT_EQ(bytes_text(38.6e6), "38.6 MB");
  EXPECT_EQ(duration_text(0.00025), "0.25 ms");
  EXPECT_EQ(duration_text(0.036), "36 ms");
  EXPECT_EQ(duration_text(2.49), "2.5 s");
  EXPECT_EQ(duration_text(251), "251 s");
}

TEST(Text, GroupsDigitsByThree) {
  EXPECT_EQ(count_text(7), "7");
  EXPECT_EQ(count_text(1000), "1 000");
  EXPECT_EQ(count_text(12345678), "12 345 678");
}

}  // namespace
}  // namespace sluice::base
