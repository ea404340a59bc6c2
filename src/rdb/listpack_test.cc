#include "rdb/listpack.h"

#include <gtest/gtest.h>

namespace sluice::rdb {
namespace {

using std::string_literals::operator""s;

std::string listpack(const std::string& entries) {
  const auto size = 6 + entries.size() + 1;
  return std::string{static_cast<char>(size), static_cast<char>(size >> 8U), 0, 0, 0, 0} + entries +
         "\xff";
}

TEST(Listpack, ReadsEveryKindOfElement) {
  const std::string long_text(70, 'x');
  const std::string longest(5000, 'y');
  const auto bytes = listpack(
      "\x81"s + "a\x02" + "\x64\x01" + "\xdf\xfb\x02" + "\xcf\xff\x02" + "\xe0\x46" + long_text +
      "\x48" + "\xf1\x30\x75\x03"s + "\xf2\x00\x00\x80\x04"s + "\xf3\x00\x94\x35\x77\x05"s +
      "\xf4\x01\x00\x00\x00\x00\x00\x20\x00\x09"s + "\xf0\x88\x13\x00\x00"s + longest + "\x27\x8d");
  const auto elements = listpack_elements(bytes);
  ASSERT_TRUE(elements) << elements.error().detail;
  EXPECT_EQ(*elements,
            (std::vector<std::string>{"a", "100", "-5", "4095", long_text, "30000", "-8388608",
                                      "2000000000", "9007199254740993", longest}));
}

TEST(Listpack, RefusesWhatIsCutOffOrLonger) {
  const auto whole = listpack("\x81"s + "a\x02" + "\xf1\x30\x75\x03"s);
  ASSERT_TRUE(listpack_elements(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    auto part = whole.substr(0, size);
    EXPECT_FALSE(listpack_elements(part)) << size;
    if (size > 0) part[0] = static_cast<char>(size);
    EXPECT_FALSE(listpack_elements(part)) << size;
  }
  EXPECT_FALSE(listpack_elements(listpack("\xff")));
  EXPECT_FALSE(listpack_elements(listpack("\xf5\x01")));
}

}  // namespace
}  // namespace sluice::rdb
