#include "base/config_file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/config_sample.h"

namespace sluice::base {
namespace {

std::string refusal(std::string_view text) {
  const auto file = parse_config_file(text, "k.toml", "shard");
  return file ? "" : file.error().detail;
}

Result<Sample> read(std::string_view text) {
  TRY(const auto file, parse_config_file(text, "k.toml", ""));
  Sample sample;
  Settings settings(sample, kSampleFields);
  for (const auto& given : file.top.assignments) TRY_VOID(settings.assign(given));
  return sample;
}

TEST(ConfigFile, IsReadWithTheLineOfEachKey) {
  const auto file = parse_config_file(
      "# a comment\nretention-bytes = \"1GiB\"\nlog_json = true\n\n[[shard]]\nname = \"a\"\n"
      "[[shard]]\nusers = [\"x:y\"]\nport = 7\n",
      "k.toml", "shard");
  ASSERT_TRUE(file);
  ASSERT_EQ(file->top.assignments.size(), 2U);
  EXPECT_EQ(file->top.assignments[1].key, "retention-bytes");
  EXPECT_EQ(file->top.assignments[1].where, "k.toml:2");
  ASSERT_EQ(file->tables.size(), 2U);
  EXPECT_EQ(file->tables[0].assignments[0].values, std::vector<std::string>{"a"});
  EXPECT_EQ(file->tables[1].assignments[0].where, "k.toml:9");
  EXPECT_EQ(file->tables[1].where, "k.toml:7");
}

TEST(ConfigFile, IsRefusedByLineWithoutThrowing) {
  EXPECT_TRUE(refusal("a = 1\nb = \n").starts_with("k.toml:2: ")) << refusal("a = 1\nb = \n");
  EXPECT_EQ(refusal("[other]\na = 1\n"),
            "k.toml:1: the table 'other' is not known here; only [[shard]] is");
  EXPECT_EQ(refusal("[shard]\na = 1\n"), "k.toml:1: write [[shard]]");
  EXPECT_EQ(refusal("x = [1, 2]\n"), "k.toml:1: x: every element must be a string in quotes");
  EXPECT_EQ(refusal("x = 2020-01-01\n"),
            "k.toml:1: x: a date or time is not a value of any setting");
  EXPECT_NE(refusal("a = 1\na = 2\n"), "");
  EXPECT_NE(refusal("[[shard]]\n[shard.x]\n"), "");
  EXPECT_NE(refusal(std::string_view("a = \"\0\"", 7)), "");
  EXPECT_NE(refusal("a = \"\xff\xfe\""), "");
  EXPECT_NE(refusal("a = " + std::string(100'000, '[')), "");
}

RC_GTEST_PROP(ConfigFile, SurvivesAnyBytes, (const std::string& text)) {
  const auto file = parse_config_file(text, "k.toml", "shard");
  RC_ASSERT(file || file.error().detail.find('\n') == std::string::npos);
}

TEST(ConfigFile, KeepsSecretsOutOfItsRefusals) {
  const auto sample = read("upstream = \"redis://u:hush@host:x\"\n");
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().detail,
            "k.toml:1: upstream: the URL has no valid host and port: write "
            "redis://user:password@host:port");
}

TEST(ConfigFile, IsEmptyForDefaults) {
  Sample sample;
  EXPECT_EQ(to_toml(Settings(sample, kSampleFields)), "");
}

RC_GTEST_PROP(ConfigFile, ComesBackFromWhatIsWritten,
              (const std::vector<std::uint8_t>& text, bool flag)) {
  Sample sample;
  sample.upstream = {{"h", 1}, "u", "p\"\\", true};
  for (const auto byte : text) sample.requirepass += static_cast<char>(byte % 128);
  sample.users = {sample.requirepass, "b"};
  sample.log_json = flag;
  sample.metrics = Endpoint{"::1", 9};
  sample.retention_bytes = ByteSize{123'456'789};
  sample.retention_age = std::chrono::seconds(61);
  sample.shrink_percent = 7;
  const auto back = read(to_toml(Settings(sample, kSampleFields)));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->upstream == sample.upstream);
  RC_ASSERT(back->requirepass == sample.requirepass);
  RC_ASSERT(back->users == sample.users);
  RC_ASSERT(back->log_json == sample.log_json);
  RC_ASSERT(back->metrics == sample.metrics);
  RC_ASSERT(back->retention_bytes == sample.retention_bytes);
  RC_ASSERT(back->retention_age == sample.retention_age);
  RC_ASSERT(back->shrink_percent == sample.shrink_percent);
}

}  // namespace
}  // namespace sluice::base
