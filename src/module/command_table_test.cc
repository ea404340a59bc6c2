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
    std::ranges::transform(upper, upper.begin(),
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

TEST(CommandTable, ReplacesBitfieldOnlyWhereItMayFail) {
  const auto must = [](std::vector<std::string_view> words) {
    return must_replace(*find_rule("bitfield"), words);
  };
  EXPECT_TRUE(must({"BITFIELD", "k", "OVERFLOW", "Fail", "INCRBY", "u2", "0", "9"}));
  EXPECT_FALSE(must({"BITFIELD", "k", "OVERFLOW", "SAT", "INCRBY", "u2", "0", "9"}));
  EXPECT_FALSE(must({"BITFIELD", "k", "GET", "u8", "0"}));
}

TEST(CommandTable, LeavesWrongSubcommandsToTheServer) {
  const auto must = [](std::vector<std::string_view> words) {
    return must_replace(*find_rule("function"), words);
  };
  EXPECT_TRUE(must({"FUNCTION", "Delete", "lib"}));
  EXPECT_TRUE(must({"FUNCTION", "LOAD", "REPLACE", "code"}));
  EXPECT_FALSE(must({"FUNCTION", "DELETE", "lib", "more"}));
  EXPECT_FALSE(must({"FUNCTION", "LIST"}));
  EXPECT_FALSE(must({"FUNCTION"}));
}

TEST(CommandTable, RefusesOfClusterWhatTakesKeysAway) {
  const auto must = [](std::vector<std::string_view> words) {
    return must_replace(*find_rule("cluster"), words);
  };
  EXPECT_TRUE(must({"CLUSTER", "FlushSlot", "5"}));
  EXPECT_TRUE(must({"CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", "0", "5", "NODE", "id"}));
  EXPECT_TRUE(must({"CLUSTER", "SYNCSLOTS", "ESTABLISH"}));
  EXPECT_FALSE(must({"CLUSTER", "SYNCSLOTS", "ACK"}));
  EXPECT_FALSE(must({"CLUSTER", "FLUSHSLOT"}));
  EXPECT_FALSE(must({"CLUSTER", "NODES"}));
}

TEST(CommandTable, MayBeToldToLookForMore) {
  EXPECT_FALSE(may_have_rule("yonder.write"));
  look_for("yonder.write");
  EXPECT_TRUE(may_have_rule("yonder.write"));
  EXPECT_TRUE(may_have_rule("YONDER.WRITE"));
  EXPECT_EQ(find_rule("yonder.write"), nullptr);
}

TEST(CommandTable, IsAllThatUsersAreToldOf) {
  std::ifstream file("docs/conflict-rules-commands.md");
  ASSERT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  for (const auto& rule : command_rules()) {
    std::string name(rule.name);
    std::ranges::transform(name, name.begin(), [](unsigned char c) {
      return c == '|' ? ' ' : static_cast<char>(std::toupper(c));
    });
    EXPECT_NE(page.find("| " + name + " |"), std::string::npos) << name;
  }
  const auto rows = static_cast<std::size_t>(std::ranges::count(page, '\n')) - 7;
  EXPECT_EQ(rows, command_rules().size());
}

}  // namespace
}  // namespace sluice::module
