#include "module/command_table.h"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <vector>

namespace sluice::module {
namespace {

TEST(CommandTable, FindsEveryCommandInAnyCase) {
  for (const auto& rule : command_rules()) {
    std::string upper(rule.name);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    EXPECT_EQ(find_rule(rule.name), &rule);
    EXPECT_EQ(find_rule(upper), &rule);
  }
}

TEST(CommandTable, KnowsNothingOfCommandsThatOnlyRead) {
  for (const auto* name :
       {"get", "GET", "mget", "hgetall", "ping", "", "zrange", "averyveryverylongname"}) {
    EXPECT_EQ(find_rule(name), nullptr) << name;
  }
}

TEST(CommandTable, NamesEachCommandOnce) {
  std::set<std::string_view> names;
  for (const auto& rule : command_rules()) EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
}

TEST(CommandTable, ReplacesXaddOnlyWhereItsEventsDoNotTellEnough) {
  const auto must = [](const std::string& command) {
    std::istringstream in(command);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return must_replace(*find_rule("xadd"),
                        std::vector<std::string_view>(words.begin(), words.end()));
  };
  EXPECT_TRUE(must("XADD k * f v"));
  EXPECT_TRUE(must("XADD k 5-* f v"));
  EXPECT_TRUE(must("XADD k NOMKSTREAM * f v"));
  EXPECT_TRUE(must("XADD k MAXLEN ~ 10 5-1 f v"));
  EXPECT_FALSE(must("XADD k 5-1 f v"));
  EXPECT_FALSE(must("XADD k NOMKSTREAM 5-1 f *"));
}

TEST(CommandTable, IsAllThatUsersAreToldOf) {
  std::ifstream file("docs/conflict-rules.md");
  if (!file) GTEST_SKIP() << "docs/conflict-rules.md is not written yet";
  std::stringstream text;
  text << file.rdbuf();
  std::string page = text.str();
  std::transform(page.begin(), page.end(), page.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& rule : command_rules()) {
    std::string name(rule.name);
    std::replace(name.begin(), name.end(), '|', ' ');
    EXPECT_NE(page.find(name), std::string::npos)
        << name << " has no rule in docs/conflict-rules.md";
  }
}

}  // namespace
}  // namespace sluice::module
