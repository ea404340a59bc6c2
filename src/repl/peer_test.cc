#include "repl/peer.h"

#include <gtest/gtest.h>
#include <string>

namespace sluice::repl {
namespace {

const std::string kA(40, 'a');
const std::string kB(40, 'b');

TEST(Peer, IsReadFromTheInfoOfAReplica) {
  const auto peer = parse_peer(
      "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n# Replication\r\n"
      "role:slave\r\nmaster_host:::1\r\nmaster_port:6379\r\n"
      "master_link_status:up\r\nmaster_replid:" +
      kA +
      "\r\n"
      "master_replid2:" +
      std::string(40, '0') +
      "\r\n"
      "master_repl_offset:77\r\nsecond_repl_offset:-1\r\n"
      "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb9:keys=4,expires=0\r\n");
  EXPECT_EQ(peer.run_id, "abc");
  EXPECT_TRUE(peer.is_replica);
  EXPECT_TRUE(peer.is_link_up);
  ASSERT_TRUE(peer.master);
  EXPECT_EQ(peer.master->host, "::1");
  EXPECT_EQ(peer.id->text(), kA);
  EXPECT_FALSE(peer.inherited);
  EXPECT_EQ(peer.offset, Offset{77});
  EXPECT_EQ(peer.keys, 7U);
}

TEST(Peer, TellsAnEmptyDataSetFromOneItMayNotSee) {
  EXPECT_EQ(parse_peer("# Keyspace\r\n").keys, 0U);
  EXPECT_FALSE(parse_peer("role:master\r\n").keys);
}

TEST(Peer, NamesTheSnapshotOfAKeeperAlone) {
  const std::string snapshot = "keeper_snapshot_offset:300\r\nkeeper_snapshot_bytes:5000\r\n";
  EXPECT_FALSE(parse_peer(snapshot).snapshot);
  const auto peer = parse_peer("keeper_id:" + kA + "\r\n" + snapshot);
  EXPECT_TRUE(peer.is_keeper);
  ASSERT_TRUE(peer.snapshot);
  EXPECT_EQ(peer.snapshot->at, Offset{300});
  EXPECT_EQ(peer.snapshot->bytes, 5000U);
  EXPECT_FALSE(parse_peer("keeper_id:" + kA + "\r\n").snapshot);
}

class ResumeAfterFailover : public testing::Test {
 protected:
  static Peer promoted_at(std::uint64_t parted) {
    return parse_peer("role:master\nmaster_replid:" + kB + "\nmaster_replid2:" + kA +
                      "\nsecond_repl_offset:" + std::to_string(parted + 1) + "\n");
  }
  const History history_{
      .id = *ReplId::parse(kA), .held = {Offset{100}, Offset{500}}, .inherited = {}};
};

TEST_F(ResumeAfterFailover, AsksWhereTheStreamsPartIfWeHaveMore) {
  const auto ask = resume_position(history_, Mark{Offset{490}, 0}, promoted_at(450));
  EXPECT_EQ(ask, (Position{history_.id, Offset{450}}));
}

TEST_F(ResumeAfterFailover, AsksAtOurMarkIfThePromotedHasMore) {
  const auto ask = resume_position(history_, Mark{Offset{490}, 0}, promoted_at(495));
  EXPECT_EQ(ask.offset, Offset{490});
}

TEST_F(ResumeAfterFailover, DoesNotGoBackBeyondTheLog) {
  const auto ask = resume_position(history_, Mark{Offset{490}, 0}, promoted_at(99));
  EXPECT_EQ(ask.offset, Offset{490});
}

}  // namespace
}  // namespace sluice::repl
