#include "delay/node_facts.h"

#include <gtest/gtest.h>

#include "redis/wire_words.h"

namespace sluice::delay {
namespace {

using namespace std::chrono_literals;

resp::Reply bulk(std::string text) {
  resp::Reply reply;
  reply.kind = resp::Reply::Kind::kBulk;
  reply.text = std::move(text);
  return reply;
}

resp::Reply config_reply(std::vector<std::string> words) {
  resp::Reply reply;
  reply.kind = resp::Reply::Kind::kArray;
  for (auto& word : words) reply.elements.push_back(bulk(std::move(word)));
  return reply;
}

TEST(NodeFacts, OfAMasterAreItsOffsetAndItsBacklog) {
  const auto facts = facts_of(redis::Info::parse("role:master\r\nmaster_replid:abc\r\n"
                                                 "master_repl_offset:5000\r\n"
                                                 "repl_backlog_size:1048576\r\n"
                                                 "repl_backlog_first_byte_offset:101\r\n"
                                                 "repl_backlog_histlen:4900\r\n"),
                              std::nullopt);
  EXPECT_EQ(facts.replid, "abc");
  EXPECT_EQ(facts.offset, 5000U);
  EXPECT_FALSE(facts.is_keeper);
  EXPECT_TRUE(facts.has_link);
  EXPECT_EQ(facts.window.first, 100U);
  EXPECT_EQ(facts.window.end, 5000U);
  EXPECT_EQ(facts.window.bytes_max, 1048576U);
}

std::string keeper_text() {
  const std::string word(redis::kReplicaWord);
  return "role:" + word + "\r\nmaster_link_status:down\r\n" + word +
         "_repl_offset:900\r\nmaster_repl_offset:900\r\nrepl_backlog_size:123456\r\n"
         "repl_backlog_first_byte_offset:1\r\nrepl_backlog_histlen:900\r\n"
         "# Keeper\r\nkeeper_state:waiting\r\n";
}

TEST(NodeFacts, OfAKeeperAreWhatItIsToldToKeep) {
  const auto facts =
      facts_of(redis::Info::parse(keeper_text()), KeeperRetention{.bytes = 1'000'000, .age = 1h});
  EXPECT_TRUE(facts.is_keeper);
  EXPECT_FALSE(facts.has_link);
  EXPECT_EQ(facts.offset, 900U);
  EXPECT_EQ(facts.window.bytes_max, 1'000'000U);
  EXPECT_EQ(facts.window.age_max, 1h);
}

TEST(NodeFacts, OfAKeeperThatDoesNotTellAreWhatItHolds) {
  EXPECT_EQ(facts_of(redis::Info::parse(keeper_text()), std::nullopt).window.bytes_max, 900U);
}

TEST(KeeperRetention, IsReadFromConfigGet) {
  const auto retention =
      retention_of(config_reply({"retention-age", "7d", "retention-bytes", "64GiB"}));
  ASSERT_TRUE(retention);
  EXPECT_EQ(retention->bytes, 64ULL << 30);
  EXPECT_EQ(retention->age, 168h);
}

TEST(KeeperRetention, IsNothingOfARedisAndOfOneThatForbidsConfig) {
  EXPECT_FALSE(retention_of(config_reply({})));
  resp::Reply error;
  error.kind = resp::Reply::Kind::kError;
  EXPECT_FALSE(retention_of(error));
  EXPECT_FALSE(retention_of(config_reply({"retention-bytes"})));
  EXPECT_FALSE(retention_of(config_reply({"retention-bytes", "many"})));
}

}  // namespace
}  // namespace sluice::delay
