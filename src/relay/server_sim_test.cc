#include <gtest/gtest.h>

#include "relay/config_load.h"
#include "relay/server.h"
#include "sim/machine.h"
#include "sim/network.h"
#include "sim/world.h"

namespace sluice::relay {
namespace {

using namespace std::chrono_literals;

// A relay on a machine of its own. stop() before it goes.
struct Node {
  Node(sim::World& world, const std::string& name, std::vector<std::string> allow)
      : host(world.machine(name).boot()) {
    config.settings.listen = base::Endpoint{"", 7000};
    config.settings.allow = std::move(allow);
    config.settings.drain_time = 2s;
    server = std::make_unique<Server>(host, config, metrics, base::Log::quiet());
    EXPECT_TRUE(server->open());
    world.spawn(run());
  }
  rt::Task<void> run() {
    co_await server->run();
    has_ended = true;
  }
  void stop() {
    server->drain();
    server->drain();
  }
  double refusals(const std::string& reason) {
    return metrics.counter({"sluice_relay_refusals_total", ""}, {{"reason", reason}}).value();
  }

  sim::Host& host;
  Config config;
  base::Metrics metrics;
  std::unique_ptr<Server> server;
  bool has_ended = false;
};

// Echoes on port 6379 until its listener is closed.
struct Echo {
  Echo(sim::World& world, const std::string& name) : host(world.machine(name).boot()), gate(host) {
    listener = *host.network().listen({"", 6379}, std::nullopt);
    gate.spawn(accept());
  }
  rt::Task<void> accept() {
    for (;;) {
      auto stream = co_await listener->accept();
      if (!stream) co_return;
      gate.spawn(echo(*std::move(stream)));
    }
  }
  static rt::Task<void> echo(std::unique_ptr<rt::Stream> stream) {
    std::array<char, 1000> bytes{};
    for (;;) {
      const auto got = co_await stream->read_or_end(bytes);
      if (!got || *got == 0) break;
      const std::string copy(bytes.data(), *got);
      const auto sent = co_await stream->write(copy);
      if (!sent) break;
    }
  }

  sim::Host& host;
  std::unique_ptr<rt::Listener> listener;
  rt::Gate gate;
};

// What a client sees that sends `text`, ends its direction if it is to, and reads to the end.
struct Seen {
  std::string text;
  bool has_ended = false;
  rt::Instant ended_at;
};

rt::Task<void> send_all(rt::Stream& stream, std::string text, bool ends) {
  const auto sent = co_await stream.write(text);
  if (sent && ends) (void)co_await stream.end_writes();
}

rt::Task<void> say(rt::Host& host, std::string to, std::string text, bool ends, Seen& seen) {
  const base::Endpoint place{std::move(to), 7000};
  const rt::ConnectOptions options;
  auto stream = co_await host.network().connect(place, options);
  if (!stream) co_return;
  rt::Gate gate(host);
  gate.spawn(send_all(**stream, std::move(text), ends));
  std::array<char, 5000> bytes{};
  for (;;) {
    const auto got = co_await (*stream)->read_or_end(bytes);
    if (!got || *got == 0) break;
    seen.text.append(bytes.data(), *got);
  }
  (*stream)->close();
  co_await gate.closed();
  seen.has_ended = true;
  seen.ended_at = host.clock().now();
}

class RelayServer : public testing::Test {
 protected:
  void TearDown() override {
    near.stop();
    far.stop();
    redis.listener->close();
    world.run_for(10s);
    EXPECT_TRUE(near.has_ended && far.has_ended);
    EXPECT_EQ(near.server->tunnels(), 0U);
  }

  Seen answer_to(const std::string& line, bool ends = true) {
    Seen seen;
    world.spawn(say(client, "near", line, ends, seen));
    world.run_for(20s);
    return seen;
  }

  sim::World world{1};
  sim::Host& client = world.machine("client").boot();
  Node near{world, "near", {"far:7000", "other:7000", "near:7000", "redis:6379"}};
  Node far{world, "far", {"redis:6379"}};
  Echo redis{world, "redis"};
};

TEST_F(RelayServer, CarriesBytesAndEndsBothWaysOverTwoRelays) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i);
  const auto seen = answer_to("+PROXY ROUTE PROXYTCP://far:7000 TCP://redis:6379\r\n" + text);
  EXPECT_TRUE(seen.has_ended);
  EXPECT_TRUE(seen.text == text);
}

TEST_F(RelayServer, AnswersALaterHopsRefusal) {
  const auto seen = answer_to("+PROXY ROUTE PROXYTCP://far:7000 TCP://elsewhere:6379\r\n", false);
  EXPECT_TRUE(seen.text.starts_with("-PROXY unreachable near:7000: PROXYTCP://far:7000: "))
      << seen.text;
  EXPECT_NE(seen.text.find("TCP://elsewhere:6379 is not on the allow-list"), std::string::npos);
}

TEST_F(RelayServer, RefusesRoutesToItself) {
  EXPECT_TRUE(answer_to("+PROXY ROUTE PROXYTCP://near:7000 TCP://redis:6379\r\n")
                  .text.starts_with("-PROXY loop "));
}

TEST_F(RelayServer, RefusesLinesThatNoOtherRelayCouldBeToldAsBadOnes) {
  const std::string long_option(970, 'x');
  std::string peers;
  for (int n = 0; n < 16; ++n) peers += " 10.0.0.1:1";
  for (const auto& line :
       {std::string("PROXYTCP://far:7000"), "PROXYTCP://far:7000 TCP://redis:6379;X " + long_option,
        "PROXYTCP://far:7000 TCP://redis:6379;FORWARD_FOR" + peers}) {
    const auto seen = answer_to("+PROXY ROUTE " + line + "\r\n");
    EXPECT_TRUE(seen.text.starts_with("-PROXY bad-line near:7000: ")) << seen.text;
  }
  EXPECT_EQ(near.refusals("bad-line"), 3);
  EXPECT_EQ(near.refusals("unreachable"), 0);
}

TEST_F(RelayServer, CountsConnectionsThatWouldJoinATunnelThatIsNotTheirs) {
  const std::string id(32, '0');
  (void)answer_to("+PROXY ROUTE TCP://redis:6379;SLUICE 1 " + id + " 3\r\n");
  EXPECT_EQ(near.refusals("no-tunnel"), 1);
  (void)answer_to("+PROXY ROUTE TCP://redis:6379;SLUICE 9 " + id + " 0\r\n");
  EXPECT_EQ(near.refusals("bad-line"), 1);
}

TEST_F(RelayServer, TellsOfAnswersOnlyOfHopsThatItAsks) {
  EXPECT_EQ(answer_to("+PROXY ROUTE PROXYTCP://far:7000 TCP://redis:6379\r\nhello").text, "hello");
  EXPECT_EQ(answer_to("+PROXY ROUTE TCP://redis:6379\r\nhello").text, "hello");
  const auto text = near.metrics.text();
  EXPECT_NE(text.find("sluice_relay_hop_up{hop=\"PROXYTCP://far:7000\"} 1"), std::string::npos);
  EXPECT_EQ(text.find("sluice_relay_hop_up{hop=\"TCP://redis:6379\"}"), std::string::npos) << text;
  world.run_for(12min);  // no route names it any more
  EXPECT_NE(near.metrics.text().find("sluice_relay_hop_up{hop=\"PROXYTCP://far:7000\"} Nan"),
            std::string::npos)
      << near.metrics.text();
}

TEST_F(RelayServer, SaysThatALineIsLate) {
  const auto seen = answer_to("+PROXY ROUTE TCP://redis:63", false);
  EXPECT_TRUE(seen.text.starts_with("-PROXY late ")) << seen.text;
  EXPECT_LT(seen.ended_at - rt::Instant{}, rt::Duration(6s));
}

TEST_F(RelayServer, AnswersPingsOfOneConnectionInTurn) {
  const auto seen = answer_to("+PROXY PING\r\n+PROXY PING PROXYTCP://far:7000\r\n+PROXY PI");
  EXPECT_TRUE(seen.text.starts_with("+PROXY PONG near:7000\r\n+PROXY PONG far:7000 far:7000 "))
      << seen.text;
}

TEST_F(RelayServer, TakesADeadHopOutWithinThreeSecondsAndBackWhenItAnswers) {
  Node other(world, "other", {"redis:6379"});
  const std::string line =
      "+PROXY ROUTE PROXYTCP://far:7000,PROXYTCP://other:7000 TCP://redis:6379\r\nhello";
  EXPECT_EQ(answer_to(line).text, "hello");
  const tunnel::Node hop{tunnel::Scheme::kProxyTcp, {"other", 7000}};
  EXPECT_FALSE(near.server->next_hops().is_dead(hop, world.now()));

  world.network().cut("near", "other");  // silent: nothing is refused
  world.run_for(3s);
  EXPECT_TRUE(near.server->next_hops().is_dead(hop, world.now()));
  EXPECT_EQ(answer_to(line).text, "hello");

  world.network().heal("near", "other");
  world.run_for(4s);
  EXPECT_FALSE(near.server->next_hops().is_dead(hop, world.now()));
  other.stop();
  world.run_for(10s);
}

TEST_F(RelayServer, ADrainEndsWhatIsLeftAtItsTime) {
  Seen seen;
  world.spawn(say(client, "near", "+PROXY ROUTE TCP://redis:6379\r\nhello", false, seen));
  world.run_for(1s);
  EXPECT_EQ(near.server->tunnels(), 1U);
  near.server->drain();
  world.run_for(1s);
  EXPECT_TRUE(answer_to("+PROXY PING\r\n").text.starts_with("-PROXY draining ") || near.has_ended);
  world.run_for(5s);
  EXPECT_TRUE(near.has_ended);
  EXPECT_TRUE(seen.has_ended);
}

TEST_F(RelayServer, ADrainDoesNotWaitForTunnelsWhosePeerIsGone) {
  hop::Tunnels tunnels(client, {});
  Result<hop::Dialled> dialled = fail(Errc::kNotFound, "not yet");
  const auto dial = [](hop::Tunnels& with, Result<hop::Dialled>& came) -> rt::Task<void> {
    hop::DialRequest request;
    request.line.route = *tunnel::parse_route("PROXYTCP://near:7000 TCP://redis:6379");
    came = co_await with.dial(std::move(request));
  };
  world.spawn(dial(tunnels, dialled));
  world.run_for(5s);
  ASSERT_TRUE(dialled);
  EXPECT_EQ(near.server->tunnels(), 1U);
  near.config.settings.drain_time = 60s;
  world.network().cut("client", "near");
  world.network().reset("client", "near");
  world.run_for(1s);
  EXPECT_EQ(near.server->tunnels(), 1U) << "it may come back";
  near.server->drain();
  world.run_for(3s);
  EXPECT_TRUE(near.has_ended);
  dialled = fail(Errc::kCancelled, "the stream goes first");
  tunnels.close();
  world.spawn(tunnels.closed());
  world.run_for(5s);
}

TEST_F(RelayServer, RefusesAPeerThatSpeaksSluiceWithAnAnswer) {
  hop::Tunnels tunnels(client, {});
  Result<> outcome;
  const auto dial = [](hop::Tunnels& with, Result<>& came) -> rt::Task<void> {
    hop::DialRequest request;
    request.line.route = *tunnel::parse_route("PROXYTCP://near:7000 TCP://elsewhere:1");
    const auto dialled = co_await with.dial(std::move(request));
    if (!dialled) came = tl::unexpected<Error>(dialled.error());
  };
  world.spawn(dial(tunnels, outcome));
  world.run_for(20s);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::kRejected);
  EXPECT_NE(outcome.error().detail.find("is not on the allow-list"), std::string::npos);
  tunnels.close();
  world.spawn(tunnels.closed());
  world.run_for(5s);
}

TEST_F(RelayServer, ATunnelOfSluicePeersOutlivesTheLossOfItsConnections) {
  Seen seen;
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += std::to_string(i);
  world.network().set_link("near", "far", {.latency = 50ms, .bytes_per_second = 1'000'000});
  world.spawn(say(client, "near", "+PROXY ROUTE PROXYTCP://far:7000 TCP://redis:6379\r\n" + text,
                  true, seen));
  for (int i = 0; i < 3; ++i) {
    world.run_for(700ms);
    world.network().reset("near", "far");
  }
  world.run_for(60s);
  EXPECT_TRUE(seen.has_ended);
  EXPECT_TRUE(seen.text == text);
  const auto reset =
      near.metrics.counter({"sluice_relay_stripes_ended_total", ""}, {{"why", "reset"}}).value();
  EXPECT_GE(reset, 3);
  EXPECT_GE(near.metrics.counter({"sluice_relay_stripes_total", ""}).value(), 1 + reset);
}

// Whatever comes first on a connection, it is answered or ended, and leaves nothing behind.
TEST_F(RelayServer, SurvivesAnyFirstBytes) {
  const std::string line =
      "+PROXY ROUTE PROXYTCP://far:7000 TCP://redis:6379;FORWARD_FOR a:1;X;\r\n";
  for (std::size_t at = 0; at < line.size(); at += 3) {
    auto broken = line;
    broken[at] = static_cast<char>(world.random().below(256));
    Seen seen;
    world.spawn(say(client, "near", broken, true, seen));
    world.run_for(30s);
    EXPECT_TRUE(seen.has_ended) << at;
  }
  EXPECT_EQ(near.server->tunnels(), 0U);
}

}  // namespace
}  // namespace sluice::relay
