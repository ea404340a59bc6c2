#include "keeper/info.h"

#include <gtest/gtest.h>

#include "keeper/fixed_view.h"

namespace sluice::keeper {
namespace {

using namespace std::chrono_literals;

repl::ReplId replid(char fill) {
  return *repl::ReplId::parse(std::string(repl::ReplId::kLength, fill));
}

// A keeper that follows a master promoted at 500, with two replicas of its own.
class KeeperInfo : public testing::Test {
 protected:
  KeeperInfo() {
    Status& status = view_.status_;
    status.keeper_id = std::string(40, 'c');
    status.upstream.endpoint = base::Endpoint{"10.0.0.1", 6379};
    status.upstream.link = LinkState::kConnected;
    status.upstream.last_io = rt::Instant{998s};
    LogStatus log;
    log.history = {.id = replid('b'),
                   .held = {repl::Offset{200}, repl::Offset{900}},
                   .inherited = {{replid('a'), repl::Offset{500}}}};
    log.durable = repl::Offset{880};
    log.fsync = "everysec";
    log.bytes_on_disk = 700;
    log.snapshots = {{repl::Offset{300}, 5000, 40, 1'699'999'990'000}};
    status.log = log;
    status.replicas = {
        {"10.0.0.8", 7001, ReplicaState::kOnline, repl::Offset{890}, rt::Instant{999s}},
        {"10.0.0.9", 7002, ReplicaState::kSendBulk, repl::Offset{}, std::nullopt}};
  }

  std::string info(std::initializer_list<std::string_view> sections) const {
    return format_info(view_, {sections.begin(), sections.size()}, at_);
  }

  FixedView view_;
  Moment at_{rt::Instant{1000s}, 1'700'000'000'000};
};

TEST_F(KeeperInfo, LaysOutReplicationLineByLineAsRedisDoes) {
  EXPECT_EQ(info({"replication"}),
            "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n"
            "master_link_status:up\r\nmaster_last_io_seconds_ago:2\r\n"
            "master_sync_in_progress:0\r\nslave_read_repl_offset:900\r\nslave_repl_offset:900\r\n"
            "slave_priority:0\r\nslave_read_only:1\r\nreplica_announced:1\r\n"
            "connected_slaves:2\r\n"
            "slave0:ip=10.0.0.8,port=7001,state=online,offset=890,lag=1\r\n"
            "slave1:ip=10.0.0.9,port=7002,state=send_bulk,offset=0,lag=0\r\n"
            "master_failover_state:no-failover\r\nmaster_replid:" +
                std::string(40, 'b') + "\r\nmaster_replid2:" + std::string(40, 'a') +
                "\r\nmaster_repl_offset:900\r\nsecond_repl_offset:501\r\n"
                "repl_backlog_active:1\r\nrepl_backlog_size:700\r\n"
                "repl_backlog_first_byte_offset:201\r\nrepl_backlog_histlen:700\r\n");
}

TEST_F(KeeperInfo, TellsHowLongTheLinkHasBeenDown) {
  view_.status_.upstream.link = LinkState::kConnect;
  view_.status_.upstream.down_since = rt::Instant{970s};
  const auto text = info({"replication"});
  EXPECT_NE(text.find("master_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\n"),
            std::string::npos);
  EXPECT_NE(text.find("master_link_down_since_seconds:30\r\n"), std::string::npos);
}

TEST_F(KeeperInfo, ShowsHowFarAFullResyncHasCome) {
  view_.status_.upstream.link = LinkState::kSync;
  view_.status_.upstream.sync_bytes_total = 400;
  view_.status_.upstream.sync_bytes_read = 100;
  const auto text = info({"replication"});
  EXPECT_NE(text.find("master_sync_in_progress:1\r\n"), std::string::npos);
  EXPECT_NE(text.find("master_sync_total_bytes:400\r\nmaster_sync_read_bytes:100\r\n"
                      "master_sync_left_bytes:300\r\nmaster_sync_perc:25.00\r\n"),
            std::string::npos);
}

TEST_F(KeeperInfo, IsValidBeforeTheFirstSnapshot) {
  view_.status_ = Status{};
  const auto text = info({});
  EXPECT_NE(text.find("master_host:\r\nmaster_port:0\r\nmaster_link_status:down\r\n"),
            std::string::npos);
  EXPECT_NE(text.find("second_repl_offset:-1\r\nrepl_backlog_active:0\r\n"), std::string::npos);
  EXPECT_NE(text.find("keeper_state:empty\r\n"), std::string::npos);
}

TEST_F(KeeperInfo, ChoosesSectionsWithoutRegardToCase) {
  EXPECT_EQ(info({"KEYSPACE", "cluster"}), "# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\n");
  EXPECT_EQ(info({"nosuch"}), "");
  EXPECT_EQ(info({"default"}), info({}));
  EXPECT_NE(info({"everything"}).find("# Modules\r\n"), std::string::npos);
  EXPECT_EQ(info({}).find("# Modules\r\n"), std::string::npos);
}

TEST_F(KeeperInfo, LetsNoReasonForgeALine) {
  view_.status_.quarantine_reason = "shrunk\r\nrole:master";
  const auto text = info({"keeper"});
  EXPECT_NE(text.find("keeper_state:quarantined\r\n"), std::string::npos);
  EXPECT_EQ(text.find("\nrole:master"), std::string::npos);
}

TEST_F(KeeperInfo, CountsWhatAReplicaMustReplayAfterTheSnapshot) {
  const auto text = info({"keeper"});
  EXPECT_NE(text.find("keeper_log_durable:880\r\n"), std::string::npos);
  EXPECT_NE(text.find("keeper_snapshot_offset:300\r\n"), std::string::npos);
  EXPECT_NE(text.find("keeper_snapshot_age_seconds:10\r\nkeeper_tail_bytes:600\r\n"),
            std::string::npos);
}

TEST_F(KeeperInfo, ShowsBothSidesOfTheChoiceHowToCatchUp) {
  EXPECT_EQ(info({"keeper"}).find("keeper_catch_up_by"), std::string::npos);
  const repl::CatchUpCosts costs{.replay_bytes = 1000,
                                 .snapshot_bytes = 10,
                                 .tail_bytes = 1,
                                 .bandwidth = 10,
                                 .stream_rate = 0};
  view_.status_.upstream.catch_up = repl::choose_catch_up(costs, {});
  EXPECT_NE(info({"keeper"})
                .find("keeper_catch_up_by:snapshot\r\n"
                      "keeper_catch_up_replay_bytes:1000\r\n"
                      "keeper_catch_up_replay_seconds:100.0\r\n"
                      "keeper_catch_up_snapshot_bytes:10\r\n"
                      "keeper_catch_up_snapshot_tail_bytes:1\r\n"
                      "keeper_catch_up_snapshot_seconds:1.1\r\n"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::keeper
