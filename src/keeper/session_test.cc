#include "keeper/session.h"

#include <gtest/gtest.h>

#include "keeper/command_table.h"
#include "keeper/fixed_view.h"

namespace sluice::keeper {
namespace {

using namespace std::chrono_literals;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

const Peer kPeer{1, "127.0.0.1:1000", "127.0.0.1:6380"};

class KeeperSession : public testing::Test {
 protected:
  KeeperSession() {
    view_.status_.upstream.endpoint = base::Endpoint{"10.0.0.1", 6379};
    view_.status_.upstream.link = LinkState::kConnected;
    view_.status_.port = 6380;
  }

  Outcome step(std::string_view line) {
    const auto words = words_of(line);
    return session_->step(words, at_);
  }

  // The whole answer, all actions going well.
  std::string say(std::string_view line, Result<Done> done = Done{}) {
    std::string wire;
    actions_.clear();
    const Outcome outcome = step(line);
    for (const Piece& piece : outcome.pieces) {
      wire += session_->answer_to(piece, done);
      if (piece.action) actions_.push_back(*piece.action);
    }
    is_closed_ = outcome.close;
    return wire;
  }

  template <typename T>
  const T& only_action() const {
    EXPECT_EQ(actions_.size(), 1U);
    return std::get<T>(actions_.at(0));
  }

  void require_password(std::string password) {
    view_.credentials_.requirepass = std::move(password);
    session_.emplace(view_, kPeer, at_);
  }

  FixedView view_;
  Moment at_{rt::Instant{1000s}, 1'700'000'000'123};
  std::optional<Session> session_{std::in_place, view_, kPeer, at_};
  std::vector<Action> actions_;
  bool is_closed_ = false;
};

ClientFacts client(std::uint64_t id, ClientKind kind) {
  ClientFacts facts;
  facts.id = id;
  facts.kind = kind;
  facts.address = "127.0.0.1:" + std::to_string(1000 + id - 1);
  facts.connected_at = rt::Instant{900s};
  facts.last_interaction = rt::Instant{995s};
  return facts;
}

TEST_F(KeeperSession, AnswersPingAsRedisDoes) {
  EXPECT_EQ(say("PING"), "+PONG\r\n");
  EXPECT_EQ(say("ping a"), "$1\r\na\r\n");
  EXPECT_EQ(say("PING a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
}

TEST_F(KeeperSession, RefusesUnknownCommandsInTheWordsOfRedis) {
  EXPECT_EQ(say("FOO a b"), "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' \r\n");
  EXPECT_EQ(say("FOO"), "-ERR unknown command 'FOO', with args beginning with: \r\n");
  EXPECT_EQ(say("config|get a"),
            "-ERR unknown command 'config|get', with args beginning with: 'a' \r\n");
  const std::vector<std::string_view> forged{"fo\r\no", "x\ny"};
  EXPECT_EQ(session_->step(forged, at_).pieces.at(0).reply,
            "-ERR unknown command 'fo\\r\\no', with args beginning with: 'x\\ny' \r\n");
}

TEST_F(KeeperSession, RefusesWrongAritiesAndSubcommandsInTheWordsOfRedis) {
  EXPECT_EQ(say("ECHO"), "-ERR wrong number of arguments for 'echo' command\r\n");
  EXPECT_EQ(say("CONFIG"), "-ERR wrong number of arguments for 'config' command\r\n");
  EXPECT_EQ(say("CONFIG GET"), "-ERR wrong number of arguments for 'config|get' command\r\n");
  EXPECT_EQ(say("CLIENT FOO"), "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n");
  EXPECT_EQ(say("GET"), "-ERR wrong number of arguments for 'get' command\r\n");
}

TEST_F(KeeperSession, SendsThoseWhoWantDataToTheMaster) {
  EXPECT_EQ(say("GET k"),
            "-ERR a Sluice keeper holds the replication log, not the keyspace: send 'get' to the "
            "master at 10.0.0.1:6379\r\n");
  EXPECT_TRUE(say("SET k v").starts_with("-READONLY You can't write against a read only replica"));
}

TEST_F(KeeperSession, WantsThePasswordBeforeAnythingElse) {
  require_password("secret");
  EXPECT_EQ(say("PING"), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(say("GET k"), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(say("PSYNC ? -1"), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(say("EXEC"),
            "-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n");
  EXPECT_TRUE(actions_.empty());
  EXPECT_TRUE(say("HELLO 3").starts_with("-NOAUTH HELLO must be called with the client already"));
  EXPECT_FALSE(session_->limits().is_authenticated);
  EXPECT_EQ(say("AUTH secre"),
            "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(say("AUTH secret"), "+OK\r\n");
  EXPECT_EQ(say("PING"), "+PONG\r\n");
  EXPECT_TRUE(session_->limits().is_authenticated);
}

TEST_F(KeeperSession, AdmitsNamedUsersAndForgetsThemOnReset) {
  view_.credentials_.users = {{"replica", "r"}};
  require_password("secret");
  EXPECT_EQ(say("AUTH replica r"), "+OK\r\n");
  EXPECT_EQ(say("ACL WHOAMI"), "$7\r\nreplica\r\n");
  EXPECT_EQ(say("RESET"), "+RESET\r\n");
  EXPECT_EQ(say("PING"), "-NOAUTH Authentication required.\r\n");
  EXPECT_TRUE(say("AUTH nobody r").starts_with("-WRONGPASS"));
}

TEST_F(KeeperSession, SaysThatNoPasswordIsSet) {
  EXPECT_TRUE(say("AUTH x").starts_with(
      "-ERR AUTH <password> called without any password configured for the default user."));
  EXPECT_EQ(say("AUTH default anything"), "+OK\r\n");
  EXPECT_EQ(say("AUTH a b c"), "-ERR syntax error\r\n");
}

TEST_F(KeeperSession, SwitchesToResp3) {
  const auto hello = say("HELLO 3 AUTH default x SETNAME me");
  EXPECT_TRUE(hello.starts_with("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n")) << hello;
  EXPECT_EQ(say("CLIENT GETNAME"), "$2\r\nme\r\n");
  EXPECT_TRUE(say("INFO replication").starts_with("="));
  EXPECT_EQ(say("HELLO 4"), "-NOPROTO unsupported protocol version\r\n");
  EXPECT_EQ(say("HELLO x"), "-ERR Protocol version is not an integer or out of range\r\n");
  EXPECT_TRUE(say("HELLO 2").starts_with("*14\r\n"));
}

TEST_F(KeeperSession, ClosesOnQuitEvenInsideATransaction) {
  say("MULTI");
  EXPECT_EQ(say("QUIT"), "+OK\r\n");
  EXPECT_TRUE(is_closed_);
}

// What Redis's sentinelSendSlaveOf sends: it aborts a promotion if one of them is refused.
TEST_F(KeeperSession, CarriesOutSentinelsTransaction) {
  view_.clients_ = {client(1, ClientKind::kNormal), client(2, ClientKind::kNormal),
                    client(3, ClientKind::kPubsub), client(4, ClientKind::kReplica),
                    client(5, ClientKind::kMaster)};
  EXPECT_EQ(say("MULTI"), "+OK\r\n");
  for (const auto* line : {"SLAVEOF 10.0.0.2 6379", "CONFIG REWRITE", "CLIENT KILL TYPE normal",
                           "CLIENT KILL TYPE pubsub"}) {
    EXPECT_EQ(say(line), "+QUEUED\r\n");
    EXPECT_TRUE(actions_.empty());
  }
  EXPECT_EQ(say("EXEC"), "*4\r\n+OK\r\n+OK\r\n:1\r\n:1\r\n");
  ASSERT_EQ(actions_.size(), 4U);
  EXPECT_EQ(std::get<Replicaof>(actions_[0]).upstream, (base::Endpoint{"10.0.0.2", 6379}));
  EXPECT_TRUE(std::holds_alternative<ConfigRewrite>(actions_[1]));
  EXPECT_EQ(std::get<KillClients>(actions_[2]).ids, (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(std::get<KillClients>(actions_[3]).ids, (std::vector<std::uint64_t>{3}));
  EXPECT_FALSE(is_closed_);
}

TEST_F(KeeperSession, AbortsATransactionThatHoldsARefusedCommand) {
  say("MULTI");
  EXPECT_TRUE(say("FOO").starts_with("-ERR unknown command"));
  EXPECT_EQ(say("PING"), "+QUEUED\r\n");
  EXPECT_EQ(say("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(say("EXEC"), "-ERR EXEC without MULTI\r\n");
}

TEST_F(KeeperSession, KeepsTransactionsSmall) {
  say("MULTI");
  const std::string big = "ECHO " + std::string(600'000, 'x');
  EXPECT_EQ(say(big), "+QUEUED\r\n");
  EXPECT_EQ(say(big), "-ERR the transaction is too large for a keeper\r\n");
  EXPECT_TRUE(say("EXEC").starts_with("-EXECABORT"));
}

TEST_F(KeeperSession, NeitherNestsNorDiscardsWhatIsNotOpen) {
  EXPECT_EQ(say("DISCARD"), "-ERR DISCARD without MULTI\r\n");
  say("MULTI");
  EXPECT_EQ(say("MULTI"), "-ERR MULTI calls can not be nested\r\n");
  EXPECT_EQ(say("PSYNC ? -1"), "-ERR Command not allowed inside a transaction\r\n");
  EXPECT_EQ(say("DISCARD"), "+OK\r\n");
  EXPECT_EQ(say("PING"), "+PONG\r\n");
}

TEST_F(KeeperSession, CollectsWhatAReplicaSaysOfItself) {
  EXPECT_EQ(say("REPLCONF listening-port 7001"), "+OK\r\n");
  EXPECT_EQ(say("REPLCONF ip-address 10.0.0.9"), "+OK\r\n");
  EXPECT_EQ(say("REPLCONF capa eof capa psync2 capa dual-channel"), "+OK\r\n");
  EXPECT_EQ(say("REPLCONF version 8.0.1"), "+OK\r\n");
  EXPECT_EQ(say("REPLCONF rdb-only 1"), "+OK\r\n");
  const std::vector<std::string_view> no_data{"REPLCONF", "rdb-filter-only", ""};
  EXPECT_EQ(session_->step(no_data, at_).pieces.at(0).reply, "+OK\r\n");
  EXPECT_TRUE(session_->replica().wants_no_data);
  const ReplicaFacts& facts = session_->replica();
  EXPECT_EQ(facts.listening_port, 7001);
  EXPECT_EQ(facts.announced_ip, "10.0.0.9");
  EXPECT_TRUE(facts.can_eof && facts.can_psync2 && facts.wants_only_rdb);
  EXPECT_EQ(facts.version, "8.0.1");
}

TEST_F(KeeperSession, IsToldByAKeeperWhatItHasOfASnapshot) {
  EXPECT_EQ(say("REPLCONF capa keeper"), "+OK\r\n");
  EXPECT_EQ(say("REPLCONF snapshot-name id:0001-2.rdb:17 snapshot-from 123"), "+OK\r\n");
  const ReplicaFacts& facts = session_->replica();
  EXPECT_TRUE(facts.is_keeper);
  EXPECT_EQ(facts.held_snapshot, "id:0001-2.rdb:17");
  EXPECT_EQ(facts.held_bytes, 123U);
  EXPECT_TRUE(say("REPLCONF snapshot-name " + std::string(201, 'n')).starts_with("-ERR snapshot"));
  EXPECT_TRUE(say("REPLCONF snapshot-from -1").starts_with("-ERR value"));
}

TEST_F(KeeperSession, RefusesReplconfThatItDoesNotKnow) {
  EXPECT_EQ(say("REPLCONF"), "+OK\r\n");
  EXPECT_EQ(say("REPLCONF a"), "-ERR syntax error\r\n");
  EXPECT_EQ(say("REPLCONF foo bar"), "-ERR Unrecognized REPLCONF option: foo\r\n");
  EXPECT_EQ(say("REPLCONF listening-port abc"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_TRUE(say("REPLCONF rdb-filter-only functions").starts_with("-ERR Unsupported"));
  EXPECT_EQ(session_->replica().wants_no_data, false);
}

TEST_F(KeeperSession, BecomesAReplicasLinkThatIsNeverAnswered) {
  EXPECT_EQ(say("PSYNC 0123456789012345678901234567890123456789 501"), "");
  EXPECT_EQ(only_action<StartPsync>().request.from->offset, repl::Offset{500});
  EXPECT_TRUE(session_->is_replica());
  EXPECT_EQ(say("REPLCONF ACK 600"), "");
  EXPECT_EQ(only_action<Ack>().offset, repl::Offset{600});
  EXPECT_EQ(say("REPLCONF ACK 700 FACK 650"), "");
  EXPECT_EQ(session_->replica().fsynced, repl::Offset{650});
  EXPECT_EQ(say("REPLCONF ACK -1"), "");
  EXPECT_TRUE(actions_.empty());
  EXPECT_EQ(say("PING"), "");
  EXPECT_EQ(say("CONFIG REWRITE", fail(Errc::kNotFound, "")), "");
  EXPECT_EQ(say("PSYNC ? -1"), "");
  EXPECT_TRUE(actions_.empty());
}

TEST_F(KeeperSession, TellsAReplicaToComeBackWhenThereIsNothingToServe) {
  EXPECT_EQ(say("PSYNC ? -1", fail(Errc::kBusy, "no snapshot yet")),
            "-NOMASTERLINK Can't SYNC while not connected with my master\r\n");
  EXPECT_FALSE(session_->is_replica());
  EXPECT_EQ(say("PING"), "+PONG\r\n");
}

TEST_F(KeeperSession, FullyResyncsPositionsThatAreNone) {
  EXPECT_EQ(say("PSYNC ? x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_TRUE(say("PSYNC ? -1 FAILOVER").starts_with("-ERR a keeper is never promoted"));
  EXPECT_EQ(say("PSYNC not-a-replid 7"), "");
  EXPECT_FALSE(only_action<StartPsync>().request.from);
}

TEST_F(KeeperSession, IgnoresAcksOfThoseWhoAreNoReplicas) {
  EXPECT_EQ(say("REPLCONF ACK 5"), "");
  EXPECT_EQ(say("REPLCONF GETACK *"), "");
  EXPECT_TRUE(actions_.empty());
}

TEST_F(KeeperSession, PointsItselfAtAnotherMaster) {
  EXPECT_EQ(say("REPLICAOF 10.0.0.1 6379"), "+OK Already connected to specified master\r\n");
  EXPECT_TRUE(actions_.empty());
  EXPECT_EQ(say("SLAVEOF other 7000"), "+OK\r\n");
  EXPECT_EQ(only_action<Replicaof>().upstream, (base::Endpoint{"other", 7000}));
  EXPECT_EQ(say("REPLICAOF a 65536"), "-ERR Invalid master port\r\n");
  EXPECT_EQ(say("REPLICAOF no ONE"), "+OK\r\n");
  only_action<ReplicaofNone>();
}

TEST_F(KeeperSession, AnswersRoleAsAReplica) {
  EXPECT_EQ(say("ROLE"),
            "*5\r\n$5\r\nslave\r\n$8\r\n10.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:0\r\n");
}

TEST_F(KeeperSession, HasNoLinkWithoutAnUpstream) {
  view_.status_.upstream = {std::nullopt, LinkState::kConnect, {}, {}, 0, 0};
  EXPECT_EQ(say("ROLE"), "*5\r\n$5\r\nslave\r\n$0\r\n\r\n:0\r\n$4\r\nnone\r\n:0\r\n");
}

TEST_F(KeeperSession, WaitsForItsReplicasButNeverInsideATransaction) {
  EXPECT_EQ(say("WAIT 2 100", Done{1}), ":1\r\n");
  EXPECT_EQ(only_action<Wait>().replicas, 2U);
  EXPECT_EQ(only_action<Wait>().timeout, 100ms);
  EXPECT_TRUE(only_action<Wait>().may_block);
  say("MULTI");
  say("WAIT 2 0");
  EXPECT_EQ(say("EXEC", Done{2}), "*1\r\n:2\r\n");
  EXPECT_FALSE(only_action<Wait>().may_block);
  EXPECT_EQ(say("WAIT 0 -1"), "-ERR timeout is negative\r\n");
  EXPECT_EQ(say("WAIT x 0"), "-ERR value is not an integer or out of range\r\n");
}

TEST_F(KeeperSession, ListsAndKillsClientsByWhatTheyAre) {
  view_.clients_ = {client(1, ClientKind::kNormal), client(2, ClientKind::kReplica)};
  EXPECT_NE(say("CLIENT LIST").find("id=2 addr=127.0.0.1:1001 "), std::string::npos);
  EXPECT_EQ(say("CLIENT LIST TYPE normal").find("id=2 "), std::string::npos);
  EXPECT_NE(say("CLIENT LIST ID 2").find("age=100 idle=5 flags=S"), std::string::npos);
  EXPECT_EQ(say("CLIENT KILL ID 7"), ":0\r\n");
  EXPECT_EQ(say("CLIENT KILL TYPE replica"), ":1\r\n");
  EXPECT_EQ(only_action<KillClients>().ids, (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(say("CLIENT KILL 127.0.0.1:1001"), "+OK\r\n");
  EXPECT_EQ(say("CLIENT KILL 9.9.9.9:9"), "-ERR No such client\r\n");
  EXPECT_EQ(say("CLIENT KILL TYPE foo"), "-ERR Unknown client type 'foo'\r\n");
  EXPECT_EQ(say("CLIENT KILL USER nosuch"), "-ERR No such user 'nosuch'\r\n");
  EXPECT_EQ(say("CLIENT KILL ID 0"), "-ERR client-id should be greater than 0\r\n");
  EXPECT_FALSE(is_closed_);
  EXPECT_EQ(say("CLIENT KILL ID 1 SKIPME no"), ":1\r\n");
  EXPECT_TRUE(is_closed_);
}

TEST_F(KeeperSession, StaysSilentWhenAsked) {
  EXPECT_EQ(say("CLIENT REPLY SKIP"), "");
  EXPECT_EQ(say("PING"), "");
  EXPECT_EQ(say("PING"), "+PONG\r\n");
  EXPECT_EQ(say("CLIENT REPLY OFF"), "");
  EXPECT_EQ(say("PUBLISH c m"), "");
  EXPECT_EQ(say("CLIENT REPLY ON"), "+OK\r\n");
}

TEST_F(KeeperSession, PassesMessagesToSubscribers) {
  EXPECT_EQ(say("SUBSCRIBE __sentinel__:hello"),
            "*3\r\n$9\r\nsubscribe\r\n$18\r\n__sentinel__:hello\r\n:1\r\n");
  EXPECT_EQ(session_->deliver("__sentinel__:hello", "hi"),
            "*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$2\r\nhi\r\n");
  EXPECT_EQ(session_->deliver("other", "hi"), "");
  EXPECT_EQ(say("PING"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_TRUE(say("INFO").starts_with("-ERR Can't execute 'info': only (P|S)SUBSCRIBE"));
  EXPECT_TRUE(say("GET k").starts_with("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"));
  EXPECT_EQ(say("PSUBSCRIBE _*"), "*3\r\n$10\r\npsubscribe\r\n$2\r\n_*\r\n:2\r\n");
  EXPECT_TRUE(session_->deliver("_x", "hi").starts_with("*4\r\n$8\r\npmessage\r\n$2\r\n_*\r\n"));
  EXPECT_EQ(session_->facts().kind, ClientKind::kPubsub);
  say("UNSUBSCRIBE");
  say("PUNSUBSCRIBE");
  EXPECT_EQ(say("UNSUBSCRIBE"), "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
  EXPECT_EQ(say("PUBLISH c m", Done{3}), ":3\r\n");
}

TEST_F(KeeperSession, ShowsSettingsButNoSecrets) {
  view_.settings_ = {{"retention_bytes", "1", false}, {"upstream_password", "hush", true}};
  view_.credentials_.requirepass = "secret";
  EXPECT_EQ(say("CONFIG GET retention-*"), "*2\r\n$15\r\nretention-bytes\r\n$1\r\n1\r\n");
  EXPECT_EQ(say("CONFIG GET save appendonly"),
            "*4\r\n$10\r\nappendonly\r\n$2\r\nno\r\n$4\r\nsave\r\n$0\r\n\r\n");
  EXPECT_EQ(say("CONFIG GET foo"), "*0\r\n");
  const auto all = say("CONFIG GET *");
  EXPECT_EQ(all.find("hush"), std::string::npos);
  EXPECT_EQ(all.find("secret"), std::string::npos);
}

TEST_F(KeeperSession, SetsItsOwnSettingsAndTakesThoseOfRedisUnchanged) {
  view_.settings_ = {{"retention_bytes", "1", false}};
  EXPECT_EQ(say("CONFIG SET Retention-Bytes 2"), "+OK\r\n");
  EXPECT_EQ(only_action<ConfigSet>().settings.at(0),
            (std::pair<std::string, std::string>("retention_bytes", "2")));
  EXPECT_EQ(say("CONFIG SET retention_bytes 2"), "+OK\r\n");
  EXPECT_EQ(say("CONFIG SET retention-bytes x", fail(Errc::kRejected, "is not a size")),
            "-ERR CONFIG SET failed (possibly related to argument 'retention_bytes') - is not a "
            "size\r\n");
  EXPECT_EQ(say("CONFIG SET appendonly no"), "+OK\r\n");
  EXPECT_TRUE(actions_.empty());
  EXPECT_EQ(say("CONFIG SET appendonly yes"),
            "-ERR CONFIG SET failed (possibly related to argument 'appendonly') - can't set "
            "immutable config\r\n");
  EXPECT_EQ(say("CONFIG SET foo bar"),
            "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n");
  EXPECT_EQ(say("CONFIG REWRITE", fail(Errc::kNotFound, "")),
            "-ERR The server is running without a config file\r\n");
}

TEST_F(KeeperSession, LetsAnOperatorJudgeAQuarantine) {
  EXPECT_EQ(say("KEEPER ACCEPT"), "-ERR nothing is in quarantine\r\n");
  view_.status_.quarantine_reason = "the data set shrank";
  EXPECT_NE(say("KEEPER STATUS").find("keeper_quarantine_reason:the data set shrank\r\n"),
            std::string::npos);
  EXPECT_EQ(say("KEEPER ACCEPT"), "+OK\r\n");
  only_action<AcceptQuarantine>();
  EXPECT_EQ(say("KEEPER REJECT"), "+OK\r\n");
  only_action<RejectQuarantine>();
}

TEST_F(KeeperSession, TakesSnapshotsAsBgsave) {
  EXPECT_EQ(say("BGSAVE"), "+Background saving started\r\n");
  only_action<TakeSnapshot>();
  EXPECT_EQ(say("BGSAVE SCHEDULE", fail(Errc::kBusy, "")),
            "-ERR Background save already in progress\r\n");
  EXPECT_EQ(say("BGSAVE x"), "-ERR syntax error\r\n");
}

TEST_F(KeeperSession, ShutsDownWithoutAnAnswer) {
  EXPECT_EQ(say("SHUTDOWN FOO"), "-ERR syntax error\r\n");
  EXPECT_FALSE(is_closed_);
  EXPECT_EQ(say("SHUTDOWN NOSAVE"), "");
  only_action<Shutdown>();
  EXPECT_TRUE(is_closed_);
}

TEST_F(KeeperSession, SelectsAnyOfSixteenDatabases) {
  EXPECT_EQ(say("SELECT 15"), "+OK\r\n");
  EXPECT_EQ(say("SELECT 16"), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(say("SELECT a"), "-ERR value is not an integer or out of range\r\n");
}

TEST_F(KeeperSession, AnswersWhatToolsAskAtTheStart) {
  EXPECT_EQ(say("COMMAND DOCS"), "*0\r\n");
  EXPECT_EQ(say("TIME"), "*2\r\n$10\r\n1700000000\r\n$6\r\n123000\r\n");
  EXPECT_EQ(say("SLOWLOG GET"), "*0\r\n");
  EXPECT_EQ(say("LATENCY LATEST"), "*0\r\n");
  EXPECT_EQ(say("CLIENT SETINFO lib-name x"), "+OK\r\n");
  EXPECT_EQ(say("DBSIZE"), ":0\r\n");
}

TEST(CommandTable, HoldsNoCommandBothAsOursAndAsRedissAlone) {
  for (const Command& command : commands()) {
    EXPECT_EQ(find_keyspace_command(command.name), nullptr) << command.name;
    const bool has_code = command.run != nullptr || (command.flags & kContainer) != 0;
    EXPECT_TRUE(has_code || command.name == "exec") << command.name;
  }
  EXPECT_TRUE(find_keyspace_command("xtrim")->writes);
  EXPECT_FALSE(find_keyspace_command("get")->writes);
}

TEST(Glob, MatchesAsRedisDoes) {
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("a*c?e", "abbcde"));
  EXPECT_FALSE(matches_glob("a*c?e", "abbcd"));
  EXPECT_TRUE(matches_glob("h[a-e]llo", "hello"));
  EXPECT_FALSE(matches_glob("h[^e]llo", "hello"));
  EXPECT_TRUE(matches_glob("\\*", "*"));
  EXPECT_FALSE(matches_glob("\\*", "a"));
  EXPECT_FALSE(matches_glob("", "a"));
  EXPECT_FALSE(matches_glob("[", "["));
}

TEST(Glob, TakesNoTimeThatExplodes) {
  std::string pattern;
  for (int i = 0; i < 40; ++i) pattern += "a*";
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(2000, 'a')));
}

}  // namespace
}  // namespace sluice::keeper
