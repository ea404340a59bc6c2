#include <gtest/gtest.h>

#include "delay/config_load.h"

namespace sluice::delay {
namespace {

using namespace std::chrono_literals;

Result<Config> read(std::vector<std::string> arguments, const std::string& file = "") {
  const auto from_file = [file](const std::string&) -> Result<std::string> { return file; };
  TRY(auto invocation, read_invocation(arguments, from_file));
  return invocation.config;
}

std::string refusal(std::vector<std::string> arguments, const std::string& file = "") {
  const auto config = read(std::move(arguments), file);
  return config ? "taken" : config.error().detail;
}

TEST(DelayConfig, TakesOneShardFromTheCommandLine) {
  const auto config = read({"--write", "redis://m:6379", "--watch", "keeper-a=redis://k:7379",
                            "--watch", "replica=rediss://u:p@r", "--interval", "50ms", "--for",
                            "30s", "--json", "--alert-above", "2s"});
  ASSERT_TRUE(config) << config.error().detail;
  ASSERT_EQ(config->shards.size(), 1U);
  EXPECT_EQ(config->shards[0].write.endpoint, (base::Endpoint{"m", 6379}));
  EXPECT_EQ(config->shards[0].watch.size(), 2U);
  EXPECT_EQ(config->settings.interval, 50ms);
  EXPECT_EQ(config->settings.run_for, 30s);
  EXPECT_TRUE(config->settings.json);
  EXPECT_EQ(config->settings.alert_above, 2s);
}

TEST(DelayConfig, TakesManyShardsFromAFile) {
  const auto config = read({"--config", "delay.toml", "--interval", "20ms"},
                           "interval = \"1s\"\nmetrics = \":9123\"\n"
                           "[[shard]]\nname = \"one\"\nwrite = \"redis://m1\"\n"
                           "watch = [\"k=redis://k1:7379\", \"r=redis://r1\"]\n"
                           "[[shard]]\nname = \"two\"\nwrite = \"redis://m2\"\n"
                           "watch = [\"k=redis://k2:7379\"]\n");
  ASSERT_TRUE(config) << config.error().detail;
  ASSERT_EQ(config->shards.size(), 2U);
  EXPECT_EQ(config->shards[1].name, "two");
  EXPECT_EQ(config->settings.interval, 20ms) << "flags win";
  EXPECT_EQ(config->settings.metrics, (base::Endpoint{"127.0.0.1", 9123}));
}

TEST(DelayConfig, SaysWhatIsWrong) {
  const std::vector<std::string> write{"--write", "redis://m"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), write.begin(), write.end());
    return refusal(std::move(more));
  };
  EXPECT_EQ(refusal({}), "write is missing; see sluice delay --help");
  EXPECT_EQ(with({}), "watch is missing; see sluice delay --help");
  EXPECT_EQ(with({"--watch", "redis://k"}), "watch: a node is given as NAME=redis://host:port");
  EXPECT_EQ(with({"--watch", "k"}), "watch: a node is given as NAME=redis://host:port");
  EXPECT_EQ(with({"--watch", "k=redis://k", "--watch", "k=redis://l"}),
            "watch: the name 'k' is taken");
  EXPECT_EQ(with({"--watch", "master=redis://k"}), "watch: the name 'master' is taken");
  EXPECT_EQ(with({"--watch", "k=redis://k", "--alert-above", "100ms"}),
            "alert_below is above alert_above: an alert would be raised and lifted at once");
  EXPECT_EQ(with({"--watch", "k=redis://k", "--route", "TCP://a:1"}),
            "route: TCP://a:1 is no relay: the node is appended by itself");
  EXPECT_EQ(refusal({"--config", "f"},
                    "[[shard]]\nwrite = \"redis://m\"\nwatch = [\"k=redis://k\"]\n"
                    "[[shard]]\nwrite = \"redis://m\"\nwatch = [\"k=redis://k\"]\n"),
            "with several shards, each needs a name");
}

TEST(DelayConfig, RepeatsNoPasswordOfAUrlThatIsWrong) {
  const auto why = refusal({"--write", "redis://m", "--watch", "k=redis://:secret@k:port"});
  EXPECT_EQ(why.find("secret"), std::string::npos) << why;
}

}  // namespace
}  // namespace sluice::delay
