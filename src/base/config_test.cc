#include "base/config.h"

#include <gtest/gtest.h>

#include "base/config_help.h"
#include "base/config_sample.h"

namespace sluice::base {
namespace {

using namespace std::chrono_literals;

class Config : public testing::Test {
 protected:
  std::string refusal(std::string_view key, const std::string& value) {
    const auto done = settings_.assign({std::string(key), {value}, Assignment::Kind::kWord, "--x"});
    return done ? "" : done.error().detail;
  }

  Sample sample_;
  Settings settings_{sample_, kSampleFields};
};

TEST_F(Config, TakesEveryTypeFromText) {
  EXPECT_EQ(refusal("upstream", "redis://u:p@h:1"), "");
  EXPECT_EQ(refusal("listen", "[::1]:7"), "");
  EXPECT_EQ(refusal("metrics", ":9100"), "");
  EXPECT_EQ(refusal("fsync", "always"), "");
  EXPECT_EQ(refusal("retention-bytes", "1GiB"), "");
  EXPECT_EQ(refusal("retention_age", "2h"), "");
  EXPECT_EQ(refusal("shrink_percent", "100"), "");
  EXPECT_EQ(refusal("ratio", "2.25"), "");
  EXPECT_EQ(refusal("log_json", "true"), "");
  EXPECT_EQ(sample_.upstream, (RedisUrl{{"h", 1}, "u", "p", false}));
  EXPECT_EQ(sample_.listen, (Endpoint{"::1", 7}));
  EXPECT_EQ(sample_.metrics, (Endpoint{"", 9100}));
  EXPECT_EQ(sample_.fsync, Sync::kAlways);
  EXPECT_EQ(sample_.retention_bytes, 1_GiB);
  EXPECT_EQ(sample_.retention_age, 2h);
  EXPECT_EQ(sample_.shrink_percent, 100);
  EXPECT_EQ(sample_.ratio, 2.25);
  EXPECT_TRUE(sample_.log_json);
}

TEST_F(Config, SaysWhereWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(refusal("retention_byte", "1"),
            "--x: there is no setting 'retention_byte'; did you mean 'retention_bytes'?");
  EXPECT_EQ(refusal("retention_bytes", "1KiB"), "--x: retention_bytes is below 1MiB");
  EXPECT_EQ(refusal("retention_bytes", "2TiB"), "--x: retention_bytes is above 1TiB");
  EXPECT_EQ(refusal("fsync", "never"), "--x: fsync: 'never' is not one of always|os");
  EXPECT_EQ(refusal("shrink_percent", "-1"), "--x: shrink_percent: '-1' is not a whole number");
  EXPECT_EQ(refusal("shrink_percent", "70000"),
            "--x: shrink_percent: '70000' is not between 0 and 65535");
  EXPECT_EQ(refusal("retention_age", "100ms"),
            "--x: retention_age: '100ms' is not a multiple of 1s");
  EXPECT_EQ(refusal("ratio", "nan"), "--x: ratio: 'nan' is not a number");
  EXPECT_EQ(refusal("log_json", "2"), "--x: log_json: '2' is not true or false");
  EXPECT_EQ(refusal("metrics", "9100"),
            "--x: metrics: '9100' has no port: write host:port, for "
            "example 127.0.0.1:6379");
}

TEST_F(Config, KeepsTheOldValueWhenANewOneIsRefused) {
  EXPECT_NE(refusal("retention_bytes", "1"), "");
  EXPECT_EQ(sample_.retention_bytes, 64_GiB);
}

TEST_F(Config, AsksForWhatHasNoDefault) {
  const auto missing = settings_.check();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().detail, "upstream is missing");
  EXPECT_EQ(refusal("upstream", "redis://h:1"), "");
  EXPECT_TRUE(settings_.check());
}

TEST_F(Config, ShowsNoSecret) {
  EXPECT_EQ(settings_.find("requirepass")->shown(), "");
  sample_.requirepass = "hush";
  sample_.users = {"a:hush", "b:hush"};
  sample_.upstream = {{"h", 1}, "u", "hush", false};
  for (const auto& setting : settings_.all()) {
    EXPECT_EQ(setting->shown().find("hush"), std::string::npos) << setting->name;
  }
  EXPECT_EQ(settings_.find("requirepass")->shown(), "***");
  EXPECT_EQ(settings_.find("upstream")->shown(), "redis://u:***@h:1");
}

TEST_F(Config, ChangesOnlyLiveSettingsWhileRunning) {
  EXPECT_TRUE(settings_.assign_live("retention-bytes", "2GiB"));
  EXPECT_EQ(sample_.retention_bytes, 2_GiB);
  EXPECT_EQ(settings_.assign_live("listen", "h:1").error().detail,
            "listen changes at a restart only");
  EXPECT_EQ(settings_.assign_live("nothing", "1").error().code, Errc::kNotFound);
}

TEST_F(Config, TakesValuesOfTheRightTomlTypeOnly) {
  using Kind = Assignment::Kind;
  const auto takes = [this](const char* key, const char* value, Kind kind) {
    return settings_.assign({key, {value}, kind, "f:1"}).has_value();
  };
  EXPECT_TRUE(takes("retention_bytes", "2000000", Kind::kNumber));
  EXPECT_TRUE(takes("retention_bytes", "2GiB", Kind::kString));
  EXPECT_FALSE(takes("retention_age", "30", Kind::kNumber));
  EXPECT_FALSE(takes("requirepass", "100000", Kind::kNumber));
  EXPECT_FALSE(takes("requirepass", "true", Kind::kBoolean));
  EXPECT_FALSE(takes("log_json", "1", Kind::kNumber));
  EXPECT_TRUE(takes("users", "a:b", Kind::kString));
  EXPECT_FALSE(takes("listen", "h:1", Kind::kArray));
}

TEST_F(Config, ExplainsEverySettingInHelp) {
  const auto text = help_text(settings_);
  EXPECT_NE(text.find("  --upstream URL\n      Where from. Required.\n"), std::string::npos)
      << text;
  EXPECT_NE(
      text.find("  --retention-bytes SIZE\n      How much is kept. Default 64GiB, 1MiB to 1TiB, "
                "can be changed while running.\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("  --fsync always|os\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Default 50 percent, at most 100."), std::string::npos) << text;
}

TEST_F(Config, ExplainsEverySettingInATable) {
  const auto text = markdown_table(settings_);
  EXPECT_NE(text.find("| `fsync` | always\\|os | os |  |  | How durable. |\n"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace sluice::base
