#include "lab/node.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

TEST(RedisConf, FollowsItsMasterAndLetsOwnSettingsComeLast) {
  const RedisNode node{.name = "r", .replica_of = "m", .settings = {{"appendonly", "yes"}}};
  const auto text = redis_conf(node, {.port = 7000, .master_port = 7001, .dir = "/tmp/x"});
  EXPECT_NE(text.find("port 7000\n"), std::string::npos);
  EXPECT_NE(text.find("dir \"/tmp/x\"\n"), std::string::npos);
  EXPECT_NE(text.find("replicaof 127.0.0.1 7001\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("appendonly yes\n"));
}

TEST(RedisConf, MakesAMasterWithoutAMastersPort) {
  const auto text = redis_conf({.name = "m", .replica_of = "", .settings = {}},
                               {.port = 7000, .master_port = 0, .dir = "/"});
  EXPECT_EQ(text.find("replicaof"), std::string::npos);
}

TEST(KeeperArgv, NamesUpstreamListenerAndFolder) {
  const KeeperNode node{.name = "k", .upstream = "m", .flags = {"--fsync", "os"}};
  const auto argv = keeper_argv(
      node,
      {.program = "sluice", .port = 2, .metrics_port = 3, .upstream_port = 1, .dir = "/tmp/k"});
  const std::vector<std::string> expected{
      "sluice", "keeper", "--upstream", "redis://127.0.0.1:1", "--listen", "127.0.0.1:2",
      "--dir",  "/tmp/k", "--metrics",  "127.0.0.1:3",         "--fsync",  "os"};
  EXPECT_EQ(argv, expected);
}

TEST(RedisConf, ListensTowardsOtherSitesAndFollowsAMasterThere) {
  const RedisNode node{.name = "r", .replica_of = "m", .settings = {}};
  RedisPlace place{.port = 7000, .master_port = 7001, .dir = "/"};
  place.master_host = "10.200.0.1";
  place.address = "10.200.0.2";
  const auto text = redis_conf(node, place);
  EXPECT_NE(text.find("bind 127.0.0.1 10.200.0.2\n"), std::string::npos);
  EXPECT_NE(text.find("replicaof 10.200.0.1 7001\n"), std::string::npos);
}

TEST(KeeperArgv, NamesTheRelaysOnTheWay) {
  KeeperNode node{.name = "k", .upstream = "m", .flags = {}};
  node.route = "PROXYTCP://127.0.0.1:9";
  const auto argv = keeper_argv(
      node, {.program = "sluice", .port = 2, .metrics_port = 3, .upstream_port = 1, .dir = "/"});
  ASSERT_GE(argv.size(), 2U);
  EXPECT_EQ(argv[argv.size() - 2], "--route");
  EXPECT_EQ(argv.back(), "PROXYTCP://127.0.0.1:9");
}

TEST(RelayArgv, ListensWithTlsTowardsOtherSitesAndAllowsNothingElse) {
  RelayNode node{.name = "r", .certificate = {"ca", "cert", "key"}, .allow = {"127.0.0.1:6379"}};
  const auto argv = relay_argv(
      node,
      {.program = "sluice", .port = 1, .tls_port = 2, .metrics_port = 3, .address = "10.200.0.1"});
  const std::vector<std::string> expected{"sluice",
                                          "relay",
                                          "--listen",
                                          "127.0.0.1:1",
                                          "--tls-listen",
                                          "10.200.0.1:2",
                                          "--tls-cert",
                                          "cert",
                                          "--tls-key",
                                          "key",
                                          "--tls-ca",
                                          "ca",
                                          "--tls-server-name",
                                          kRelayName,
                                          "--metrics",
                                          "127.0.0.1:3",
                                          "--allow",
                                          "127.0.0.1:6379"};
  EXPECT_EQ(argv, expected);
}

TEST(Nodes, PutsTheReplicasBehindTheKeeper) {
  const auto nodes = master_keeper_replicas(2);
  ASSERT_EQ(nodes.size(), 4U);
  EXPECT_EQ(name_of(nodes[3]), "replica-2");
  EXPECT_EQ(std::get<RedisNode>(nodes[3]).replica_of, "keeper");
}

}  // namespace
}  // namespace sluice::lab
