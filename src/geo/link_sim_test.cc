#include <gtest/gtest.h>

#include "crdt/wire.h"
#include "geo/courier_model_test.h"
#include "geo/link.h"
#include "geo/snapshot_front.h"
#include "resp/command_reader.h"
#include "resp/writer.h"
#include "sim/machine.h"
#include "sim/network.h"
#include "sim/world.h"

namespace sluice::geo {
namespace {

using namespace std::chrono_literals;

constexpr crdt::Actor kPeer{1, 1};
constexpr crdt::Actor kThird{3, 1};
const std::string kReplid(40, 'a');

// What serves one port of a simulated machine.
class Service {
 public:
  Service(sim::World& world, std::string machine)
      : world_(world),
        listener_(*world.machine(machine).boot().network().listen({"", 6379}, std::nullopt)) {
    world_.spawn(accept());
  }
  virtual ~Service() = default;
  void close() {
    listener_->close();
    drop();
  }
  // All connections end; new ones are welcome.
  void drop() {
    for (auto* stream : open_) stream->close();
  }

 protected:
  virtual void answer(const resp::Command& command, rt::Stream& stream, std::string& out) = 0;
  virtual void left(rt::Stream& stream) = 0;
  sim::World& world_;

 private:
  rt::Task<void> accept() {
    for (;;) {
      auto stream = co_await listener_->accept();
      if (!stream) co_return;
      world_.spawn(serve(*std::move(stream)));
    }
  }
  rt::Task<void> serve(std::unique_ptr<rt::Stream> stream) {
    open_.insert(stream.get());
    resp::CommandReader reader;
    std::vector<char> chunk(1 << 16);
    for (;;) {
      const auto count = co_await stream->read_some(chunk);
      if (!count) break;
      reader.feed({chunk.data(), *count});
      std::string answers;
      while (const auto command = *reader.next()) answer(*command, *stream, answers);
      const auto written = co_await stream->write(answers);
      if (!written) break;
    }
    left(*stream);
    open_.erase(stream.get());
  }

  std::unique_ptr<rt::Listener> listener_;
  std::set<rt::Stream*> open_;
};

// A peer's keeper whose log begins where its snapshot ends, which has no keys.
class FakeKeeper : public Service {
 public:
  using Service::Service;

  void append(std::string_view name, crdt::Actor actor, crdt::Seq first,
              std::vector<crdt::Dot> context = {}) {
    resp::append_command(log_, {"SET", "key", "value"});
    resp::append_command(log_, {name, batch(actor, first, std::move(context))});
    flush();
  }
  // What its snapshot has, and the batches that the peer keeps to send them again.
  void begin_with(const crdt::VersionVector& vector, const std::vector<std::string>& kept = {}) {
    crdt::Writer dots;
    dots.number(vector.entries().size());
    for (const auto& dot : vector.entries()) dots.dot(dot);
    crdt::Writer saved;
    saved.byte(3);
    for (const auto& list : {std::vector<std::string>{"region"}, kept, {}}) {
      saved.fixed(list.size());
      for (const auto& text : list) {
        saved.fixed(text.size());
        saved.raw(text);
      }
    }
    saved_ = string(dots.bytes()) + string(saved.bytes());
  }
  static std::string batch(crdt::Actor actor, crdt::Seq first,
                           std::vector<crdt::Dot> context = {}) {
    crdt::Batch batch;
    batch.header.actor = actor;
    batch.header.first = first;
    batch.header.count = 1;
    batch.header.context = std::move(context);
    batch.ops.push_back({.key = {0, "key"}, .effect = crdt::Increment{1}});
    return crdt::encode(batch);
  }
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t end() const { return log_.size(); }
  int full_resyncs() const { return full_resyncs_; }

 private:
  void answer(const resp::Command& command, rt::Stream& stream, std::string& out) override {
    if (command[0] == "REPLCONF" && command[1] == "ACK") {
      acknowledged_ = std::stoull(std::string(command[2]));
    } else if (command[0] == "PSYNC") {
      psync(command, stream, out);
    } else {
      resp::append_simple(out, "OK");
    }
  }
  void psync(const resp::Command& command, rt::Stream& stream, std::string& out) {
    if (command[1] == "?") {
      ++full_resyncs_;
      const std::string aux = std::string("\xf7\x81") + type_id() + "\x02\x01" + saved_ + '\0';
      const std::string rdb = "REDIS0010" + aux + "\xff" + std::string(8, '\0');
      out += "+FULLRESYNC " + kReplid + " 0\r\n$" + std::to_string(rdb.size()) + "\r\n" + rdb;
      return;
    }
    out += "+CONTINUE\r\n" + log_.substr(std::stoull(std::string(command[2])) - 1);
    follower_ = &stream;
    sent_ = log_.size();
  }
  // A module's string value.
  static std::string string(std::string_view bytes) {
    std::string length{'\x05', '\x80'};
    for (int shift = 24; shift >= 0; shift -= 8)
      length += static_cast<char>(bytes.size() >> static_cast<unsigned>(shift));
    return length + std::string(bytes);
  }
  static std::string type_id() {
    constexpr std::string_view kLetters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::uint64_t id = 0;
    for (const char letter : kModuleType) id = id << 6U | kLetters.find(letter);
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>((id << 10U) >> shift);
    return bytes;
  }
  void left(rt::Stream& stream) override {
    if (follower_ == &stream) follower_ = nullptr;
  }
  void flush() {
    if (follower_ == nullptr) return;
    const auto count = follower_->write_now(std::string_view(log_).substr(sent_));
    if (count) sent_ += *count;
    if (!count || sent_ < log_.size()) follower_->close();  // it comes back for the rest
  }

  std::string log_;
  std::string saved_ = string(std::string(1, '\0'));
  std::size_t sent_ = 0;
  rt::Stream* follower_ = nullptr;
  std::uint64_t acknowledged_ = 0;
  int full_resyncs_ = 0;
};

class FakeMaster : public Service {
 public:
  using Service::Service;

  TargetModel model;
  std::uint64_t applied = 0;
  std::size_t together = 0;  // batches in one command, at most
  bool is_replica = false;
  std::string refusal;  // what it says to the next batch
  bool has_no_memory = false;

 private:
  void answer(const resp::Command& command, rt::Stream&, std::string& out) override {
    if (command[0] == "ROLE") {
      resp::append_array(out, 1);
      resp::append_bulk(out, is_replica ? "replica" : "master");
    } else if (command[0] == "GEO.VECTOR") {
      state(out);
    } else if (command[0] == "GEO.POSITION") {
      store(command[3]);
      resp::append_simple(out, "OK");
    } else if (command[0] == "GEO.APPLY" && is_replica) {
      resp::append_error(out, "READONLY");
    } else if (command[0] == "GEO.APPLY" && has_no_memory) {
      resp::append_error(out, "OOM command not allowed when used memory > 'maxmemory'.");
    } else if (command[0] == "GEO.APPLY" && !refusal.empty()) {
      resp::append_error(out, std::exchange(refusal, {}));
    } else if (command[0] == "GEO.APPLY") {
      apply(command, out);
    } else {
      resp::append_simple(out, "OK");
    }
  }
  void apply(const resp::Command& command, std::string& out) {
    const auto position = command[command.size() - 1];
    Answer answer;
    for (std::size_t word = 1; word < command.size() - 4; ++word) {
      answer = model.apply(*crdt::decode_header(command[word]), std::stoull(std::string(position)));
      if (answer.verdict == Verdict::kApplied) ++applied;
      if (answer.verdict > Verdict::kDuplicate) break;
    }
    together = std::max(together, command.size() - 5);
    if (answer.verdict <= Verdict::kDuplicate) store(position);
    const auto dot = std::to_string(answer.dot.actor.region) + "." +
                     std::to_string(answer.dot.actor.incarnation) + " " +
                     std::to_string(answer.dot.seq);
    if (answer.verdict == Verdict::kApplied) resp::append_simple(out, "OK");
    if (answer.verdict == Verdict::kDuplicate) resp::append_simple(out, "DUPLICATE");
    if (answer.verdict == Verdict::kGap) resp::append_error(out, "GEOGAP " + dot);
    if (answer.verdict == Verdict::kWait) resp::append_error(out, "GEOWAIT " + dot);
  }
  void store(std::string_view offset) {
    model.position = std::stoull(std::string(offset));
    has_position_ = true;
  }
  void state(std::string& out) {
    resp::append_array(out, 3);
    resp::append_array(out, 3);
    resp::append_bulk(out, "here");
    resp::append_integer(out, 2);
    resp::append_integer(out, 1);
    resp::append_array(out, model.vector.entries().size());
    for (const auto& dot : model.vector.entries()) {
      resp::append_array(out, 3);
      resp::append_integer(out, dot.actor.region);
      resp::append_integer(out, dot.actor.incarnation);
      resp::append_integer(out, static_cast<std::int64_t>(dot.seq));
    }
    resp::append_array(out, has_position_ ? 1 : 0);
    if (!has_position_) return;
    resp::append_array(out, 3);
    resp::append_bulk(out, "peer");
    resp::append_bulk(out, kReplid);
    resp::append_integer(out, static_cast<std::int64_t>(model.position));
  }
  void left(rt::Stream&) override {}

  bool has_position_ = false;
};

class LinkSim : public ::testing::Test {
 protected:
  LinkSim() : keeper(world, "keeper"), master(world, "master"), other(world, "other") {
    Link::Options options;
    options.source = "peer";
    options.from.url = *base::parse_redis_url("redis://keeper");
    options.to = {*base::parse_redis_url("redis://master"),
                  *base::parse_redis_url("redis://other")};
    other.is_replica = true;
    auto& host = world.machine("link").boot();
    link = std::make_unique<Link>(host, std::move(options), metrics, base::Log::quiet());
    world.spawn(run());
  }
  ~LinkSim() override {
    link->stop();
    keeper.close();
    master.close();
    other.close();
    world.run_for(1s);
    EXPECT_TRUE(has_ended);
  }

  rt::Task<void> run() {
    co_await link->run();
    has_ended = true;
  }
  bool until_applied(const FakeMaster& where, crdt::Dot dot) {
    return world.run_until([&] { return where.model.vector.covers(dot); }, 60s);
  }

  sim::World world{7};
  FakeKeeper keeper;
  FakeMaster master, other;
  base::Metrics metrics;
  std::unique_ptr<Link> link;
  bool has_ended = false;
};

TEST_F(LinkSim, AppliesWhatThePeerWritesAndAcknowledgesIt) {
  keeper.append("geo.ops", kPeer, 1);
  EXPECT_TRUE(until_applied(master, {kPeer, 1}));
  keeper.append("geo.ops", kPeer, 2);
  EXPECT_TRUE(until_applied(master, {kPeer, 2}));
  EXPECT_TRUE(world.run_until([&] { return keeper.acknowledged() == keeper.end(); }, 10s));
  EXPECT_TRUE(world.run_until([&] { return master.model.position == keeper.end(); }, 10s));
  EXPECT_EQ(link->report().state, LinkState::kStreaming);
  EXPECT_EQ(keeper.full_resyncs(), 1);
}

TEST_F(LinkSim, GoesOnFromTheStoredPositionWhoeverIsLost) {
  for (crdt::Seq seq = 1; seq <= 100; ++seq) {
    keeper.append("geo.ops", kPeer, seq);
    if (seq % 10 == 0) keeper.drop();
    if (seq % 15 == 0) master.drop();
    if (seq % 25 == 0) world.network().reset("link", seq % 2 == 0 ? "keeper" : "master");
    world.run_for(std::chrono::milliseconds(world.random().below(40)));
  }
  EXPECT_TRUE(until_applied(master, {kPeer, 100}));
  EXPECT_EQ(master.applied, 100U);
  EXPECT_EQ(keeper.full_resyncs(), 1);
}

TEST_F(LinkSim, SendsTogetherWhatWaits) {
  for (crdt::Seq seq = 1; seq <= 100; ++seq) keeper.append("geo.ops", kPeer, seq);
  EXPECT_TRUE(until_applied(master, {kPeer, 100}));
  EXPECT_GT(master.together, 10U);
  EXPECT_EQ(master.applied, 100U);
}

TEST_F(LinkSim, SendsAloneWhatWasRefusedTogether) {
  master.refusal = "ERR one of them";
  for (crdt::Seq seq = 1; seq <= 100; ++seq) keeper.append("geo.ops", kPeer, seq);
  EXPECT_TRUE(until_applied(master, {kPeer, 100}));
  EXPECT_EQ(master.applied, 100U);
  EXPECT_EQ(link->report().why, "");
}

TEST_F(LinkSim, BringsAThirdRegionsOpsWhenItsOwnLinkDoesNot) {
  keeper.append("geo.apply", kThird, 1);
  keeper.append("geo.ops", kPeer, 1, {{kThird, 1}});
  EXPECT_TRUE(until_applied(master, {kPeer, 1}));
  EXPECT_TRUE(master.model.vector.covers({kThird, 1}));
}

TEST_F(LinkSim, LooksForTheMasterWhenItsOwnIsOneNoMore) {
  keeper.append("geo.ops", kPeer, 1);
  EXPECT_TRUE(until_applied(master, {kPeer, 1}));
  other.model = master.model;
  master.is_replica = true;
  other.is_replica = false;
  keeper.append("geo.ops", kPeer, 2);
  EXPECT_TRUE(until_applied(other, {kPeer, 2}));
}

TEST_F(LinkSim, RefusesAKeeperOfOurOwnRegion) {
  keeper.append("geo.ops", {2, 7}, 1);
  const auto is_refused = [&] {
    const auto report = link->report();
    return report.state == LinkState::kNoSource &&
           report.why.find("a master of region 2, which is our own") != std::string::npos;
  };
  EXPECT_TRUE(world.run_until(is_refused, 10s)) << link->report().why;
  EXPECT_EQ(master.applied, 0U);
}

TEST_F(LinkSim, SaysWhichSideHasFailed) {
  keeper.append("geo.ops", kPeer, 1);
  EXPECT_TRUE(until_applied(master, {kPeer, 1}));
  keeper.close();
  const auto is = [&](LinkState state) {
    return [&, state] { return link->report().state == state; };
  };
  EXPECT_TRUE(world.run_until(is(LinkState::kNoSource), 10s)) << link->report().why;
}

TEST_F(LinkSim, SaysWhatHoldsItUpAndGoesOnWhenThatIsOver) {
  master.refusal = "GEOBEHIND 1.1 1";
  keeper.append("geo.ops", kPeer, 1);
  EXPECT_TRUE(world.run_until([&] { return link->report().state == LinkState::kHeldUp; }, 10s));
  EXPECT_TRUE(until_applied(master, {kPeer, 1}));
  EXPECT_TRUE(world.run_until([&] { return link->report().state == LinkState::kStreaming; }, 10s));
}

// Nobody has asked the keeper for anything yet when a test begins.
class LinkSimBehindASnapshot : public LinkSim {
 protected:
  const rt::Duration patience = Link::Options().lack_patience;

  static crdt::VersionVector covering(std::initializer_list<crdt::Dot> dots) {
    crdt::VersionVector vector;
    for (const auto& dot : dots) vector.advance(dot);
    return vector;
  }
  bool needs_snapshot() const {
    const auto state = link->report().state;
    return state == LinkState::kNeedsSnapshot || state == LinkState::kMerging;
  }
  bool needs_snapshot_within(rt::Duration time) {
    return world.run_until([&] { return needs_snapshot(); }, time);
  }
};

TEST_F(LinkSimBehindASnapshot, TakesWhatThePeerKeepsToSendAgain) {
  keeper.begin_with(
      covering({{kPeer, 3}}),
      {FakeKeeper::batch(kPeer, 1), FakeKeeper::batch(kPeer, 2), FakeKeeper::batch(kPeer, 3)});
  keeper.append("geo.ops", kPeer, 4);
  EXPECT_TRUE(until_applied(master, {kPeer, 4}));
  EXPECT_EQ(master.applied, 4U);
  EXPECT_FALSE(needs_snapshot_within(2 * patience));
}

TEST_F(LinkSimBehindASnapshot, LeavesWhenWhatItLacksIsLost) {
  keeper.begin_with(covering({{kThird, 3}}));
  EXPECT_FALSE(needs_snapshot_within(patience - 2s));
  EXPECT_TRUE(needs_snapshot_within(5s));
}

TEST_F(LinkSimBehindASnapshot, StaysWhileOurMasterRefusesWhatHasCome) {
  master.has_no_memory = true;
  keeper.begin_with(covering({{kPeer, 1}}), {FakeKeeper::batch(kPeer, 1)});
  EXPECT_FALSE(needs_snapshot_within(3 * patience));
  EXPECT_EQ(link->report().state, LinkState::kHeldUp);
  master.has_no_memory = false;
  EXPECT_TRUE(until_applied(master, {kPeer, 1}));
}

TEST_F(LinkSimBehindASnapshot, StaysWhileOthersBringWhatItLacks) {
  keeper.begin_with(covering({{kThird, 9}}));
  for (crdt::Seq seq = 1; seq <= 9; ++seq) {
    EXPECT_FALSE(needs_snapshot_within(patience / 2)) << seq;
    master.model.vector.advance({kThird, seq});
  }
  EXPECT_FALSE(needs_snapshot_within(2 * patience));
}

// Nobody else has it any more, and all that the peer writes builds on it.
TEST_F(LinkSimBehindASnapshot, LeavesWhenWhatHasComeWaitsForWhatItsMakerLostWithItsLife) {
  constexpr crdt::Actor kThirdAgain{kThird.region, kThird.incarnation + 1};
  master.model.vector.advance({kThirdAgain, 1});
  keeper.begin_with(covering({{kThird, 1}}));
  EXPECT_FALSE(needs_snapshot_within(2 * patience));
  keeper.append("geo.ops", kPeer, 1, {{kThird, 1}});
  EXPECT_FALSE(needs_snapshot_within(patience - 2s));
  EXPECT_TRUE(needs_snapshot_within(5s));
}

TEST_F(LinkSimBehindASnapshot, LeavesWhenWhatHasComeWaitsForWhatIsLost) {
  keeper.begin_with(covering({{kPeer, 1}, {kThird, 1}}),
                    {FakeKeeper::batch(kPeer, 1, {{kThird, 1}})});
  EXPECT_FALSE(needs_snapshot_within(patience - 2s));
  EXPECT_TRUE(needs_snapshot_within(5s));
}

}  // namespace
}  // namespace sluice::geo
