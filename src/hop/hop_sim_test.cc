#include <cstdlib>
#include <gtest/gtest.h>

#include "hop/relay_world_test.h"

namespace sluice::hop {
namespace {

class HopSim : public ::testing::Test {
 protected:
  std::unique_ptr<sim::World> world;
  sim::Host* here = nullptr;
  sim::Host* there = nullptr;
  std::unique_ptr<Tunnels> tunnels;
  std::unique_ptr<Acceptor> acceptor;
  std::optional<Result<Dialled>> dialled;
  Flow up{.text = 1};  // from here to there
  Flow down{.text = 2};

  void build(std::uint64_t seed, const sim::Link& link, const Options& options) {
    world = std::make_unique<sim::World>(seed);
    here = &world->machine("here").boot();
    there = &world->machine("there").boot();
    world->network().set_link("here", "there", link);
    tunnels = std::make_unique<Tunnels>(*here, options);
    acceptor = std::make_unique<Acceptor>(*there, options);
  }

  static sim::Link wan() {
    return {.latency = 100ms, .jitter = 1ms, .bytes_per_second = 0, .window_bytes = 4 << 20};
  }

  void TearDown() override {
    if (!world) return;
    world->network().heal_all();
    if (dialled && *dialled) near().close(Errc::kCancelled);
    for (const auto& stream : acceptor->streams) stream->close(Errc::kCancelled);
    world->run_for(1min);  // those who read or write learn of it
    dialled.reset();
    bool is_done = false;
    world->spawn(end(is_done));
    EXPECT_TRUE(world->run_until([&] { return is_done; }, 5min));
    world->run_for(1min);
  }

  rt::Task<void> end(bool& is_done) {
    tunnels->close();
    co_await tunnels->closed();
    co_await acceptor->stop();
    is_done = true;
  }

  rt::Task<void> run_dial(std::string route) {
    DialRequest request{.line = {.route = *tunnel::parse_route(route)}};
    dialled = co_await tunnels->dial(std::move(request));
  }

  // True if a tunnel stands within some round trips.
  bool dial(const std::string& route = "PROXYTCP://there:7000 TCP://redis:6379") {
    dialled.reset();
    world->spawn(run_dial(route));
    world->run_until([&] { return dialled.has_value(); }, 1min);
    return dialled && dialled->has_value();
  }

  rt::Stream& near() { return *(*dialled)->stream; }
  rt::Stream& far() { return *acceptor->streams.back(); }
  tunnel::SessionStats near_stats() { return (*dialled)->tunnel->stats(); }
};

TEST_F(HopSim, CarriesBytesBothWaysAndTheirEnd) {
  build(1, wan(), {});
  ASSERT_TRUE(dial());
  ASSERT_TRUE((*dialled)->tunnel);
  world->spawn(write_all(*here, near(), up, 3'000'000, 10'000, 0ms));
  world->spawn(write_all(*there, far(), down, 1'000'000, 1000, 0ms));
  world->spawn(read_all(*there, far(), up, 0ms));
  world->spawn(read_all(*here, near(), down, 0ms));
  ASSERT_TRUE(
      world->run_until([&] { return up.read == 3'000'000 && down.read == 1'000'000; }, 1min));
  EXPECT_FALSE(up.is_wrong || down.is_wrong);
  EXPECT_EQ(near_stats().stripes, Options{}.limits.stripes) << "bulk gets more connections";
  EXPECT_EQ(near_stats().resent, 0U);
  near().close(Errc::kCancelled);
  ASSERT_TRUE(world->run_until([&] { return up.read_end && down.read_end; }, 10s));
  EXPECT_EQ(up.read_end->code, Errc::kDisconnected);
  EXPECT_EQ(up.read_end->detail, far().peer() + ": end of stream");
}

TEST_F(HopSim, DeliversWhatWasWrittenBeforeAClose) {
  build(2, wan(), {});
  ASSERT_TRUE(dial());
  world->spawn(write_all(*here, near(), up, 2'000'000, 100'000, 0ms));
  world->spawn(read_all(*there, far(), up, 0ms));
  ASSERT_TRUE(world->run_until([&] { return up.written == 2'000'000; }, 10s));
  ASSERT_LT(up.read, 2'000'000U);
  world->run_for(1ms);  // the writer is done with the stream
  dialled.reset();
  ASSERT_TRUE(world->run_until([&] { return up.read_end.has_value(); }, 10s));
  EXPECT_EQ(up.read, 2'000'000U);
}

TEST_F(HopSim, IdlesOnOneConnection) {
  build(3, wan(), {});
  ASSERT_TRUE(dial());
  world->spawn(write_all(*here, near(), up, 1000, 100, 0ms));
  world->run_for(10min);
  EXPECT_EQ(near_stats().stripes, 1U);
  EXPECT_LT(*near_stats().round_trip, 210ms);
  EXPECT_GT(*near_stats().round_trip, 190ms);
}

TEST_F(HopSim, HoldsNoMoreThanItsWindowForASlowReader) {
  Options options;
  build(4, wan(), options);
  ASSERT_TRUE(dial());
  world->spawn(write_all(*here, near(), up, 100'000'000, 100'000, 0ms));
  world->run_for(1min);
  auto* const stream = dynamic_cast<TunnelStream*>(&far());
  ASSERT_TRUE(stream);
  EXPECT_LE(stream->stats().held_to_read, tunnel::kFirstWindowBytes);
  EXPECT_LE(up.written, tunnel::kFirstWindowBytes + options.limits.unsent_max.bytes + 200'000);
  world->spawn(read_all(*there, far(), up, 100ms));
  world->run_for(1min);
  EXPECT_LE(stream->stats().held_to_read, options.limits.window_min.bytes * 2);
  EXPECT_FALSE(up.is_wrong);
}

TEST_F(HopSim, GivesTheReasonAndTheHopOfARefusal) {
  build(5, wan(), {});
  acceptor->answer = {tunnel::AnswerCode::kNotAllowed, "relay-b", "redis:6379 is not allowed"};
  ASSERT_FALSE(dial());
  EXPECT_EQ(dialled->error().code, Errc::kRejected);
  EXPECT_EQ(dialled->error().detail, "PROXYTCP://there:7000: relay-b: redis:6379 is not allowed");
  acceptor->streams.clear();
  ASSERT_FALSE(dial("PROXYTCP://there:7001 TCP://redis:6379"));
  EXPECT_EQ(dialled->error().code, Errc::kDisconnected);
  EXPECT_NE(dialled->error().detail.find("PROXYTCP://there:7001"), std::string::npos);
}

TEST_F(HopSim, SpeaksRawToARelayOfTheField) {
  build(6, wan(), {});
  acceptor->answers_pings = false;
  ASSERT_TRUE(dial());
  EXPECT_FALSE((*dialled)->tunnel);
  world->run_for(1s);
  ASSERT_EQ(acceptor->lines.size(), 1U);
  EXPECT_FALSE(acceptor->lines[0].sluice);
  EXPECT_EQ(tunnel::to_string(acceptor->lines[0].route), "TCP://redis:6379");
  world->spawn(write_all(*here, near(), up, 100'000, 10'000, 0ms));
  world->spawn(read_all(*there, far(), up, 0ms));
  ASSERT_TRUE(world->run_until([&] { return up.read == 100'000; }, 10s));
  EXPECT_FALSE(up.is_wrong);
  near().close(Errc::kCancelled);
  ASSERT_TRUE(world->run_until([&] { return up.read_end.has_value(); }, 10s));
}

TEST_F(HopSim, DoesNotTakeARelayThatDiesWhenAskedForOneOfTheField) {
  build(6, wan(), {});
  acceptor->is_dying = true;
  EXPECT_FALSE(dial());
  EXPECT_EQ(dialled->error().code, Errc::kDisconnected);
  acceptor->is_dying = false;
  ASSERT_TRUE(dial());
  EXPECT_TRUE((*dialled)->tunnel);
}

// A second relay beside the one that the tunnel goes through.
class HopSimOfTwo : public HopSim {
 protected:
  sim::Host* elsewhere = nullptr;
  std::unique_ptr<Acceptor> second;

  void SetUp() override {
    build(12, wan(), {});
    elsewhere = &world->machine("other").boot();
    world->network().set_link("here", "other", wan());
    second = std::make_unique<Acceptor>(*elsewhere, Options{});
    ASSERT_TRUE(dial(kBoth));
    ASSERT_EQ(acceptor->streams.size(), 1U);
    world->spawn(write_all(*here, near(), up, 1'000'000'000, 10'000, 1ms));
    world->spawn(read_all(*there, far(), up, 0ms));
    world->run_for(3s);
  }
  void TearDown() override {
    world->network().heal_all();
    if (dialled && *dialled) near().close(Errc::kCancelled);
    world->run_for(1min);
    world->spawn(second->stop());
    world->run_for(1min);
    HopSim::TearDown();
  }

  static constexpr const char* kBoth =
      "PROXYTCP://there:7000,PROXYTCP://other:7000 TCP://redis:6379";
};

TEST_F(HopSimOfTwo, LeavesARelayThatGoesDarkForOneThatAnswers) {
  world->network().cut("here", "there");
  ASSERT_TRUE(world->run_until([&] { return up.write_end.has_value(); }, 5s));
  EXPECT_EQ(up.write_end->code, Errc::kTimedOut);
  EXPECT_NE(up.write_end->detail.find("other:7000 answers"), std::string::npos)
      << up.write_end->detail;
  ASSERT_TRUE(dial(kBoth));
  EXPECT_EQ(second->streams.size(), 1U);
}

TEST_F(HopSimOfTwo, OutlastsACutOfTheWholePath) {
  world->network().cut("here", "there");
  world->network().cut("here", "other");
  world->run_for(60s);
  EXPECT_FALSE(up.write_end);
  const auto before = up.read;
  world->network().heal_all();
  world->run_for(5s);
  EXPECT_FALSE(up.write_end) << up.write_end->detail;
  EXPECT_GT(up.read, before + 1'000'000);
}

TEST_F(HopSim, TakesTheNextAlternativeIfOneIsNotThere) {
  build(7, wan(), {});
  ASSERT_TRUE(dial("PROXYTCP://there:7001,PROXYTCP://there:7000 TCP://redis:6379"));
  world->network().cut("here", "there");
  const auto before = world->now();
  ASSERT_FALSE(dial());
  EXPECT_LT(world->now() - before, 3s) << "a dead hop is noticed within three seconds";
}

TEST_F(HopSim, SurvivesTheLossOfEveryConnection) {
  build(8, wan(), {});
  ASSERT_TRUE(dial());
  world->spawn(write_all(*here, near(), up, 20'000'000, 50'000, 1ms));
  world->spawn(read_all(*there, far(), up, 0ms));
  for (int time = 0; time < 5; ++time) {
    world->run_for(300ms);
    world->network().reset("here", "there");
  }
  ASSERT_TRUE(world->run_until([&] { return up.read == 20'000'000; }, 1min));
  EXPECT_FALSE(up.is_wrong);
  EXPECT_GE(near_stats().ended(tunnel::StripeEnd::kReset), 3U);
}

TEST_F(HopSim, FlowsAgainSoonAfterACutAndEndsAfterALongOne) {
  build(9, wan(), {});
  ASSERT_TRUE(dial());
  world->spawn(write_all(*here, near(), up, 1'000'000'000, 10'000, 1ms));
  world->spawn(read_all(*there, far(), up, 0ms));
  world->run_for(5s);
  world->network().cut("here", "there");
  world->run_for(60s);
  const auto before = up.read;
  world->network().heal_all();
  world->run_for(1500ms);
  EXPECT_GT(up.read, before + 1'000'000);
  world->network().cut("here", "there");
  world->run_for(100s);
  ASSERT_TRUE(up.write_end && up.read_end);
  EXPECT_EQ(up.write_end->code, Errc::kTimedOut);
  EXPECT_FALSE(up.is_wrong);
}

// A frame that takes longer than a stripe may be silent would be given up and sent again for ever.
TEST_F(HopSim, GetsOnOverALinkOfAFewKilobytesASecond) {
  auto slow = wan();
  slow.bytes_per_second = 4'000;
  slow.window_bytes = 64 << 10;
  build(5, slow, {});
  ASSERT_TRUE(dial());
  constexpr std::uint64_t kBytes = 600'000;
  world->spawn(write_all(*here, near(), up, kBytes, 100'000, {}));
  world->spawn(read_all(*there, far(), up, {}));
  EXPECT_TRUE(world->run_until([&] { return up.read == kBytes; }, 2min)) << up.read;
  EXPECT_FALSE(up.is_wrong);
}

TEST_F(HopSim, LetsNobodyElseJoinATunnel) {
  build(10, wan(), {});
  ASSERT_TRUE(dial());
  acceptor->identity = "somebody else";
  world->spawn(write_all(*here, near(), up, 20'000'000, 50'000, 1ms));
  world->spawn(read_all(*there, far(), up, 0ms));
  ASSERT_TRUE(world->run_until([&] { return up.read == 20'000'000; }, 1min));
  EXPECT_FALSE(up.is_wrong);
  EXPECT_EQ(dynamic_cast<TunnelStream&>(far()).stats().stripes, 1U);
}

TEST_F(HopSim, FailsSoonIfTheOtherProcessDies) {
  build(11, wan(), {});
  ASSERT_TRUE(dial());
  world->spawn(write_all(*here, near(), up, 1'000'000'000, 10'000, 1ms));
  world->run_for(2s);
  world->machine("there").crash(sim::Crash::kProcess);
  ASSERT_TRUE(world->run_until([&] { return up.write_end.has_value(); }, 3s));
  EXPECT_EQ(up.write_end->code, Errc::kDisconnected);
}

// One direction of a random tunnel.
struct Plan {
  std::uint64_t bytes;
  std::size_t piece;
  rt::Duration write_rest;
  rt::Duration read_rest;
};

class HopSeeds : public HopSim {
 protected:
  Plan any_plan(sim::Random& random) {
    const auto rest = [&] {
      return random.one_in(2) ? 0ms : std::chrono::milliseconds(random.between(1, 20));
    };
    return {.bytes = random.between(1, random.one_in(4) ? 3'000'000 : 100'000),
            .piece = static_cast<std::size_t>(random.between(1, 1) * random.between(500, 100'000)),
            .write_rest = rest(),
            .read_rest = rest()};
  }

  static Options any_options(sim::Random& random) {
    Options options;
    auto& limits = options.limits;
    limits.stripes = static_cast<std::uint32_t>(random.between(1, 6));
    limits.one_stripe_bytes = {random.one_in(2) ? 0 : random.below(100'000)};
    limits.compression.is_enabled = random.one_in(2);
    if (random.one_in(2)) limits.window_min = limits.window_max = {256 << 10};
    if (random.one_in(2)) limits.unsent_max = {random.between(1, 200'000)};
    return options;
  }

  static sim::Link any_link(sim::Random& random) {
    return {.latency = std::chrono::milliseconds(random.between(0, 150)),
            .jitter = std::chrono::milliseconds(random.between(0, 100)),
            .bytes_per_second = random.one_in(2) ? 0 : random.between(200'000, 5'000'000),
            .window_bytes = static_cast<std::size_t>(random.between(1, 64)) * 16 * 1024};
  }

  void disturb(sim::Random& random) {
    auto& network = world->network();
    switch (random.below(5)) {
      case 0:
        return network.reset("here", "there");
      case 1:
        network.cut("here", "there");
        break;
      case 2:
        network.cut_one_way("here", "there");
        break;
      case 3:
        network.cut_one_way("there", "here");
        break;
      default:
        return network.set_link("here", "there", any_link(random));
    }
    world->run_for(std::chrono::milliseconds(random.between(1, 30'000)));
    network.heal_all();
  }

  void play(std::uint64_t seed) {
    sim::Random random(seed * 7919);
    const auto options = any_options(random);
    build(seed, any_link(random), options);
    ASSERT_TRUE(dial()) << dialled->error().detail;
    up = {.text = random.bits()};
    down = {.text = random.bits()};
    const auto up_plan = any_plan(random);
    const auto down_plan = any_plan(random);
    world->spawn(write_all(*here, near(), up, up_plan.bytes, up_plan.piece, up_plan.write_rest));
    world->spawn(
        write_all(*there, far(), down, down_plan.bytes, down_plan.piece, down_plan.write_rest));
    world->spawn(read_all(*there, far(), up, up_plan.read_rest));
    world->spawn(read_all(*here, near(), down, down_plan.read_rest));
    const auto faults = random.below(6);
    for (std::uint64_t n = 0; n < faults; ++n) {
      world->run_for(std::chrono::milliseconds(random.between(1, 2000)));
      disturb(random);
    }
    const auto is_done = [&] { return up.read == up_plan.bytes && down.read == down_plan.bytes; };
    EXPECT_TRUE(world->run_until(is_done, 20min))
        << up.read << " of " << up_plan.bytes << ", " << down.read << " of " << down_plan.bytes
        << (down.read_end ? down.read_end->detail : "");
    EXPECT_FALSE(up.is_wrong || down.is_wrong);
    const auto stats = near_stats();
    EXPECT_LE(stats.held_to_read, options.limits.window_max.bytes + (256 << 10));
    near().close(Errc::kCancelled);
    EXPECT_TRUE(world->run_until([&] { return up.read_end && down.read_end; }, 5min));
    TearDown();
    acceptor.reset();
    tunnels.reset();
    world.reset();
  }
};

TEST_F(HopSeeds, BytesComeOutAsTheyWentInWhateverTheNetworkDoesSeeds) {
  const char* const asked = std::getenv("SLUICE_SIM_SEEDS");
  const std::uint64_t seeds = asked ? std::strtoull(asked, nullptr, 10) : 100;
  for (std::uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    play(seed);
  }
}

}  // namespace
}  // namespace sluice::hop
