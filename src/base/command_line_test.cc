#include "base/command_line.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/config_sample.h"

namespace sluice::base {
namespace {

using Words = std::vector<std::string>;

class CommandLineOf : public testing::Test {
 protected:
  Result<CommandLine> parse(const Words& words) {
    const Settings* const groups[] = {&settings_};
    return parse_command_line(words, groups);
  }

  std::string refusal(const Words& words) {
    const auto line = parse(words);
    return line ? "" : line.error().detail;
  }

  Words values_of(const Words& words) {
    const auto line = parse(words);
    if (!line || line->assignments.size() != 1) return {"not one assignment"};
    return line->assignments.front().values;
  }

  Sample sample_;
  Settings settings_{sample_, kSampleFields};
};

TEST_F(CommandLineOf, SettingsGivesTheirAssignments) {
  const auto line = parse({"--upstream", "redis://h:1", "--retention-bytes=1GiB", "--config", "f"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->config_file, "f");
  ASSERT_EQ(line->assignments.size(), 2U);
  EXPECT_EQ(line->assignments[0].key, "upstream");
  EXPECT_EQ(line->assignments[1].values, Words{"1GiB"});
  EXPECT_EQ(line->assignments[1].where, "--retention-bytes");
  EXPECT_FALSE(line->wants_help);
}

TEST_F(CommandLineOf, BooleansNeedsNoValue) {
  EXPECT_EQ(values_of({"--log-json"}), Words{"true"});
  EXPECT_EQ(values_of({"--log-json=false"}), Words{"false"});
  EXPECT_EQ(values_of({"--no-log-json"}), Words{"false"});
}

TEST_F(CommandLineOf, AListRepeatsTheFlag) {
  EXPECT_EQ(values_of({"--users", "a:b", "--users", "c:d"}), (Words{"a:b", "c:d"}));
}

TEST_F(CommandLineOf, AwkwardValuesKeepsThem) {
  EXPECT_EQ(values_of({"--listen", "[::1]:6379"}), Words{"[::1]:6379"});
  EXPECT_EQ(values_of({"--requirepass", "-a,b=[c] \"d\""}), Words{"-a,b=[c] \"d\""});
  EXPECT_EQ(values_of({"--requirepass", "[a,b]"}), Words{"[a,b]"});
  EXPECT_EQ(values_of({"--requirepass", "--users"}), Words{"--users"});
  EXPECT_EQ(values_of({"--requirepass", ""}), Words{""});
  EXPECT_EQ(values_of({"--requirepass="}), Words{""});
}

TEST_F(CommandLineOf, AnUnknownFlagNamesTheNearest) {
  EXPECT_EQ(refusal({"--retention-byte", "1"}),
            "there is no flag --retention-byte; did you mean --retention-bytes?");
  EXPECT_EQ(refusal({"--zzzzzz=hush"}), "there is no flag --zzzzzz");
  EXPECT_EQ(refusal({"-x"}), "there is no flag -x");
}

TEST_F(CommandLineOf, FlagsWithoutOrWithTwoValuesIsRefused) {
  EXPECT_NE(refusal({"--listen"}), "");
  EXPECT_EQ(refusal({"--listen", "a:1", "--listen", "b:1"}), "--listen is given more than once");
}

TEST_F(CommandLineOf, WordsKeepsThemInOrder) {
  const auto line = parse({"ls", "--log-json", "more"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->words, (Words{"ls", "more"}));
}

TEST_F(CommandLineOf, HelpIsAFlagLikeAnother) {
  EXPECT_TRUE(parse({"--help"})->wants_help);
  EXPECT_TRUE(parse({"--log-json", "-h"})->wants_help);
}

RC_GTEST_FIXTURE_PROP(CommandLineOf, AnyWordsIsReadOrRefused, (const Words& words)) {
  (void)parse(words);
}

}  // namespace
}  // namespace sluice::base
