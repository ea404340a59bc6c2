#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <string>
#include <vector>

#include "resp/inline_command.h"
#include "resp/quote.h"

namespace sluice::resp {
namespace {

TEST(Quote, PrintsAsMonitorDoes) {
  EXPECT_EQ(quote("a \"b\"\\\r\n\t\a\b"), R"("a \"b\"\\\r\n\t\a\b")");
  EXPECT_EQ(quote(std::string("\x7f\0\xff", 3)), R"("\x7f\x00\xff")");
}

RC_GTEST_PROP(Quote, IsReadBackByTheInlineParser, (const std::vector<std::string>& arguments)) {
  std::string line;
  for (const auto& argument : arguments) line += quote(argument) + " ";
  RC_ASSERT(split_inline(line) == arguments);
}

}  // namespace
}  // namespace sluice::resp
