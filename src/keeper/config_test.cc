#include "keeper/config.h"

#include <gtest/gtest.h>

#include "keeper/config_fields.h"
#include "keeper/config_load.h"

namespace sluice::keeper {
namespace {

using Words = std::vector<std::string>;

const Words kWhole{"--upstream", "redis://u:hush@master:6379",
                   "--listen",   "127.0.0.1:6380",
                   "--dir",      "/var/lib/sluice"};

// The Config of `extra` flags and a file's `toml` (none if empty).
Result<Config> read(Words words, std::string toml = "") {
  if (!toml.empty()) words.insert(words.end(), {"--config", "k.toml"});
  const auto read_file = [&](const std::string&) -> Result<std::string> { return toml; };
  TRY(auto invocation, read_invocation(words, read_file));
  return std::move(invocation.config);
}

Result<Config> read_with(Words extra) {
  extra.insert(extra.end(), kWhole.begin(), kWhole.end());
  return read(extra);
}

std::string refusal(const Result<Config>& config) {
  return config ? "" : config.error().detail;
}

TEST(KeeperConfig, IsWholeWithThreeFlags) {
  const auto config = read(kWhole);
  ASSERT_TRUE(config) << refusal(config);
  ASSERT_EQ(config->shards.size(), 1U);
  const auto& shard = config->shards[0];
  EXPECT_EQ(shard.upstream.password, "hush");
  EXPECT_EQ(shard.retention_bytes, 64_GiB);
  EXPECT_EQ(shard.fsync, replog::Fsync::kEverySec);
  EXPECT_TRUE(std::holds_alternative<RefreshPrivately>(shard.snapshot_refresh));
}

TEST(KeeperConfig, TakesTheDocumentedFlags) {
  const auto config = read_with({"--fsync", "always", "--retention-bytes", "64MiB",
                                 "--retention-age", "7d", "--metrics", ":9121", "--log-json"});
  ASSERT_TRUE(config) << refusal(config);
  EXPECT_EQ(config->shards[0].fsync, replog::Fsync::kAlways);
  EXPECT_EQ(config->shards[0].retention_bytes, 64_MiB);
  EXPECT_EQ(config->process.metrics, (base::Endpoint{"127.0.0.1", 9121}));
  EXPECT_TRUE(config->process.log_json);
}

TEST(KeeperConfig, NamesWhatIsMissing) {
  EXPECT_EQ(refusal(read({})), "upstream is missing; see sluice keeper --help");
  EXPECT_EQ(refusal(read({"--upstream", "redis://h:1", "--listen", "h:2"})),
            "dir is missing; see sluice keeper --help");
  EXPECT_EQ(refusal(read_with({"extra"})), "unexpected word 'extra'");
}

TEST(KeeperConfig, LetsShardsDifferAndFlagsWin) {
  const auto config = read({"--retention-age", "2h"}, R"(
retention_bytes = "1GiB"
log_level = "debug"
retention_age = "1d"
[[shard]]
name = "a"
upstream = "redis://m1:1"
listen = "127.0.0.1:1"
dir = "/a"
[[shard]]
name = "b"
upstream = "redis://m2:1"
listen = "127.0.0.1:2"
dir = "/b"
retention-bytes = "2GiB"
users = ["app:hush"]
)");
  ASSERT_TRUE(config) << refusal(config);
  ASSERT_EQ(config->shards.size(), 2U);
  EXPECT_EQ(config->process.log_level, base::LogLevel::kDebug);
  EXPECT_EQ(config->shards[0].retention_bytes, 1_GiB);
  EXPECT_EQ(config->shards[1].retention_bytes, 2_GiB);
  EXPECT_EQ(config->shards[0].retention_age, std::chrono::hours(2));
  EXPECT_EQ(users_of(config->shards[1])[0].password, "hush");
}

std::string refusal_of_file(const std::string& toml) {
  return refusal(read({}, toml));
}

TEST(KeeperConfig, NamesFileLineAndKey) {
  EXPECT_EQ(refusal_of_file("\nretention_byte = 1\n"),
            "k.toml:2: there is no setting 'retention_byte'; did you mean 'retention_bytes'?");
  EXPECT_EQ(refusal_of_file("fsync = \"sometimes\"\n"),
            "k.toml:1: fsync: 'sometimes' is not one of always|everysec|os");
  EXPECT_EQ(refusal_of_file("[[shard]]\nlog_json = true\n"),
            "k.toml:2: log_json is one for all shards: move it above the first [[shard]]");
  EXPECT_EQ(refusal_of_file("[[shard]]\nname = \"a\"\n"),
            "upstream is missing; see sluice keeper --help");
  EXPECT_EQ(refusal_of_file("segment_bytes = \"5GiB\"\n"), "k.toml:1: segment_bytes is above 4GiB");
}

TEST(KeeperConfig, RefusesShardsThatWouldShareAFolderAPortOrAName) {
  const auto twins = [](const std::string& b) {
    return refusal_of_file(
        "upstream = \"redis://m:1\"\n"
        "[[shard]]\nname = \"a\"\nlisten = \"h:1\"\ndir = \"/a\"\n[[shard]]\n" +
        b);
  };
  EXPECT_EQ(twins("name = \"b\"\nlisten = \"h:1\"\ndir = \"/b\"\n"),
            "shards 'a' and 'b' have the same listen h:1");
  EXPECT_EQ(twins("name = \"b\"\nlisten = \"h:2\"\ndir = \"/a\"\n"),
            "shards 'a' and 'b' have the same dir /a");
  EXPECT_EQ(twins("name = \"a\"\nlisten = \"h:2\"\ndir = \"/b\"\n"),
            "shards 'a' and 'a' have the same name a");
  EXPECT_EQ(twins("name = \"b\"\nlisten = \"h:2\"\ndir = \"/b\"\n"), "");
}

TEST(KeeperConfig, RefusesHalfOfATlsPairAndTlsWithoutRediss) {
  EXPECT_EQ(refusal(read_with({"--listen-tls-cert", "c.pem"})),
            "listen_tls_cert and listen_tls_key go together");
  EXPECT_EQ(refusal(read_with({"--listen-tls-ca", "ca.pem"})),
            "listen_tls_ca needs listen_tls_cert and listen_tls_key");
  EXPECT_EQ(refusal(read_with({"--upstream-tls-ca", "ca.pem"})),
            "upstream_tls_ settings need an upstream of the form rediss://host:port");
}

TEST(KeeperConfig, RefusesUsersWithoutRepeatingTheirPasswords) {
  for (const auto* user : {":hush", "hush", "hush:", "a b:hush"}) {
    EXPECT_EQ(refusal(read_with({"--users", user})),
              "entry 1 of users is not of the form name:password");
  }
  EXPECT_EQ(refusal(read_with({"--users", "a:1", "--users", "a:2"})), "users names 'a' twice");
}

TEST(KeeperConfig, TakesAReplicaToRefreshSnapshotsFrom) {
  const auto config = read_with({"--snapshot-refresh", "redis://:hush@replica:7"});
  ASSERT_TRUE(config) << refusal(config);
  const auto& refresh = config->shards[0].snapshot_refresh;
  EXPECT_EQ(std::get<base::RedisUrl>(refresh).endpoint.port, 7);
  EXPECT_EQ(base::Codec<SnapshotRefresh>::show(refresh), "redis://:***@replica:7");
  EXPECT_EQ(refusal(read_with({"--snapshot-refresh", "hush"})).find("hush"), std::string::npos);
}

TEST(KeeperConfig, ComesBackFromItsFile) {
  const auto one = *read_with({"--users", "a:1", "--snapshot-refresh", "off", "--cores", "2",
                               "--replica-timeout", "1500ms"});
  const auto again = read({}, to_toml(one));
  ASSERT_TRUE(again) << refusal(again) << to_toml(one);
  EXPECT_EQ(to_toml(*again), to_toml(one));
  EXPECT_EQ(again->shards[0].users, one.shards[0].users);
  EXPECT_EQ(again->process.cores, 2U);

  auto two = one;
  two.shards.push_back(one.shards[0]);
  two.shards[1].name = "b";
  two.shards[1].dir = "/b";
  two.shards[1].listen.port = 1;
  const auto both = read({}, to_toml(two));
  ASSERT_TRUE(both) << refusal(both);
  EXPECT_EQ(to_toml(*both), to_toml(two));
}

TEST(KeeperConfig, ExplainsItself) {
  EXPECT_TRUE(read_invocation(Words{"--help"}, nullptr)->wants_help);
  EXPECT_NE(help().find("--retention-bytes SIZE"), std::string::npos);
  EXPECT_NE(help().find("--metrics HOST:PORT"), std::string::npos);
  EXPECT_NE(reference().find("| `fsync` | always\\|everysec\\|os | everysec |"), std::string::npos);
}

}  // namespace
}  // namespace sluice::keeper
