#include <gtest/gtest.h>

#include "rt/gate.h"
#include "sim/machine.h"
#include "sim/network.h"
#include "sim/world.h"

namespace sluice::sim {
namespace {

using namespace std::chrono_literals;

struct Outcome {
  std::string seen;
  std::optional<Error> error;
};

rt::Task<void> read_all(std::unique_ptr<rt::Stream> stream, Outcome& outcome) {
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto got = co_await stream->read_some(chunk);
    if (!got) {
      outcome.error = got.error();
      co_return;
    }
    outcome.seen.append(chunk.data(), *got);
  }
}

rt::Task<void> accept_one(rt::Listener& listener, Outcome& outcome) {
  auto stream = co_await listener.accept();
  if (!stream) {
    outcome.error = stream.error();
    co_return;
  }
  co_await read_all(*std::move(stream), outcome);
}

rt::Task<void> send(rt::Host& host, std::string text, Outcome& outcome, rt::Duration stay = 0s) {
  const base::Endpoint to{"server", 6379};
  auto stream = co_await host.network().connect(to, {});
  if (!stream) {
    outcome.error = stream.error();
    co_return;
  }
  const auto written = co_await (*stream)->write(text);
  if (!written) outcome.error = written.error();
  co_await rt::sleep(host, stay);
}

class NetworkSim : public ::testing::Test {
 protected:
  World world{1};
  Host& server = world.machine("server").boot();
  Host& client = world.machine("client").boot();
  Outcome received;
  Outcome sent;

  std::unique_ptr<rt::Listener> listen() {
    return std::move(*server.network().listen({"", 6379}, std::nullopt));
  }
};

TEST_F(NetworkSim, CarriesBytesInOrderAndThenTheEnd) {
  const auto listener = listen();
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + ' ';
  world.spawn(accept_one(*listener, received));
  world.spawn(send(client, text, sent));
  world.run_for(10s);
  EXPECT_EQ(received.seen, text);
  EXPECT_EQ(received.error->code, Errc::kDisconnected);
  EXPECT_FALSE(sent.error);
}

TEST_F(NetworkSim, RefusesWhereNobodyListens) {
  world.spawn(send(client, "x", sent));
  world.run_for(1s);
  EXPECT_EQ(sent.error->code, Errc::kDisconnected);
  EXPECT_EQ(sent.error->detail, "server:6379: connection refused");
}

TEST_F(NetworkSim, TimesOutAcrossACutAndPassesOnceHealed) {
  const auto listener = listen();
  world.network().cut_one_way("server", "client");
  world.spawn(send(client, "lost", sent));
  world.run_for(10s);
  EXPECT_EQ(sent.error->code, Errc::kTimedOut);

  world.spawn(accept_one(*listener, received));
  Outcome again;
  world.spawn(send(client, "found", again));
  world.run_for(1s);
  world.network().heal("client", "server");
  world.run_for(5s);
  EXPECT_EQ(received.seen, "found");
}

TEST_F(NetworkSim, HoldsWhatWasSentUntilTheCutIsHealed) {
  const auto listener = listen();
  world.spawn(accept_one(*listener, received));
  world.spawn(send(client, "late", sent, 1h));
  world.run_until([&] { return world.network().connections_made() == 1; }, 1s);
  world.network().cut("client", "server");
  world.run_for(60s);
  EXPECT_EQ(received.seen, "");
  world.network().heal("client", "server");
  world.run_for(60s);
  EXPECT_EQ(received.seen, "late");
  EXPECT_FALSE(received.error);
  world.run_for(1h);
}

TEST_F(NetworkSim, ASlowReaderHoldsItsWriterBack) {
  const auto listener = listen();
  bool is_done = false;
  const auto write = [](Host& host, bool& done) -> rt::Task<void> {
    const base::Endpoint to{"server", 6379};
    auto stream = co_await host.network().connect(to, {});
    const std::string text(65 * 1024, 'x');
    EXPECT_TRUE(co_await (*stream)->write(text));
    done = true;
  };
  world.spawn(write(client, is_done));
  world.run_for(60s);
  EXPECT_FALSE(is_done) << "the window is 64 KiB";
  world.spawn(accept_one(*listener, received));
  world.run_for(1s);
  EXPECT_TRUE(is_done);
  EXPECT_EQ(received.seen.size(), 65U * 1024);
}

TEST_F(NetworkSim, ACrashOfTheProcessEndsItsConnections) {
  const auto listener = listen();
  world.spawn(accept_one(*listener, received));
  world.spawn(send(client, "hello", sent, 1h));
  world.run_for(1s);
  world.machine("client").crash(Crash::kProcess);
  world.run_for(1s);
  EXPECT_EQ(received.seen, "hello");
  EXPECT_EQ(received.error->code, Errc::kDisconnected);
  world.run_for(1h);
}

TEST_F(NetworkSim, APowerCutIsSilentUntilTheMachineIsBack) {
  const auto listener = listen();
  Outcome quiet;
  world.spawn(accept_one(*listener, quiet));
  world.spawn(send(client, "hello", sent, 1h));
  world.run_for(1s);
  world.machine("client").crash(Crash::kPower);
  world.run_for(10min);
  EXPECT_FALSE(quiet.error) << "nothing tells the server";
  world.machine("server").crash(Crash::kProcess);
  world.run_for(1s);
  EXPECT_EQ(quiet.error->code, Errc::kCancelled);
  world.run_for(1h);
}

TEST_F(NetworkSim, WritingToARebootedMachineIsAnsweredWithAReset) {
  const auto listener = listen();
  Outcome gone;
  world.spawn(accept_one(*listener, gone));
  const auto talk = [](Host& host, Outcome& outcome) -> rt::Task<void> {
    const base::Endpoint to{"server", 6379};
    auto stream = co_await host.network().connect(to, {});
    for (;;) {
      co_await rt::sleep(host, 1s);
      const auto written = co_await (*stream)->write("tick");
      if (written) continue;
      outcome.error = written.error();
      co_return;
    }
  };
  world.spawn(talk(client, sent));
  world.run_for(1500ms);
  world.machine("server").crash(Crash::kPower);
  world.run_for(5s);
  EXPECT_FALSE(sent.error);
  world.machine("server").boot();
  world.run_for(3s);
  EXPECT_EQ(sent.error->code, Errc::kDisconnected);
  EXPECT_EQ(sent.error->detail, "server:6379: connection reset by peer");
}

}  // namespace
}  // namespace sluice::sim
