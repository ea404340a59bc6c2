#include "redis/info.h"

#include <gtest/gtest.h>

namespace sluice::redis {
namespace {

constexpr std::string_view kReplica =
    "# Replication\r\nrole:slave\r\nmaster_repl_offset:7\r\nslave_repl_offset:9\r\n"
    "slave0:ip=127.0.0.1,port=6380,offset=12,lag=1\r\n\r\n"
    "# Keyspace\r\ndb0:keys=3,expires=1\r\ndb11:keys=4,expires=0\r\n";

TEST(Info, FindsFieldsByName) {
  const auto info = Info::parse(kReplica);
  EXPECT_EQ(info.field("role"), "slave");
  EXPECT_EQ(info.number("master_repl_offset"), 7U);
  EXPECT_EQ(info.part("slave0", "offset"), 12U);
  EXPECT_EQ(info.part("slave0", "off"), 0U);
}

TEST(Info, AnswersNothingForWhatIsNotThere) {
  const auto info = Info::parse("garbage\r\n\r\nrole:master");
  EXPECT_EQ(info.field("none"), "");
  EXPECT_EQ(info.number("role"), 0U);
  EXPECT_EQ(info.part("slave0", "offset"), 0U);
  EXPECT_EQ(info.keys(), 0U);
}

TEST(Info, AddsUpTheKeysOfAllDatabases) {
  EXPECT_EQ(Info::parse(kReplica).keys(), 7U);
}

TEST(Info, TakesTheOffsetThatTheRoleCountsBy) {
  EXPECT_EQ(Info::parse(kReplica).replication_offset(), 9U);
  EXPECT_EQ(Info::parse("role:master\r\nmaster_repl_offset:5\r\n").replication_offset(), 5U);
}

}  // namespace
}  // namespace sluice::redis
