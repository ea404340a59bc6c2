#include <chrono>
#include <gtest/gtest.h>

#include "rt/event.h"
#include "sim/machine.h"
#include "sim/network.h"
#include "sim/world.h"

namespace sluice::sim {
namespace {

using namespace std::chrono_literals;

rt::Task<void> serve(rt::Host& host, rt::Listener& listener, rt::Directory& folder) {
  auto stream = co_await listener.accept();
  auto file = *folder.open("log", rt::OpenMode::kCreate);
  std::uint64_t at = 0;
  for (;;) {
    const auto into = host.read_buffer();
    const auto got = co_await (*stream)->read_some(into);
    if (!got) co_return;
    const std::string_view bytes(into.data(), *got);
    std::function<Result<>()> append = [&file, at, copy = std::string(bytes)] {
      return file->write_at(at, copy);
    };
    const auto written = co_await rt::on_disk(host.disk(), rt::Lane::kAppend, std::move(append));
    if (!written) co_return;
    at += *got;
  }
}

rt::Task<void> talk(rt::Host& host, int lines) {
  const base::Endpoint to{"server", 1};
  auto stream = co_await host.network().connect(to, {});
  if (!stream) co_return;
  for (int i = 0; i < lines; ++i) {
    const std::string line(host.random() % 200, 'x');
    const auto written = co_await (*stream)->write(line);
    if (!written) co_return;
    co_await rt::sleep(host, rt::Duration(host.random() % 1'000'000));
  }
}

struct Run {
  std::uint64_t trace;
  std::uint64_t events;
  std::uint64_t bytes;
};

Run play(std::uint64_t seed, int lines = 100) {
  World world(seed);
  auto& server = world.machine("server").boot();
  auto& client = world.machine("client").boot();
  const auto listener = *server.network().listen({"", 1}, std::nullopt);
  const auto folder = *server.directory("/data/keeper");
  world.spawn(serve(server, *listener, *folder));
  world.spawn(talk(client, lines));
  world.run_for(10s);
  return {world.trace(), world.events(), world.machine("server").disk().used()};
}

TEST(WorldSim, TheSameSeedGivesTheSameTrace) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto first = play(seed);
    const auto second = play(seed);
    EXPECT_EQ(first.trace, second.trace);
    EXPECT_EQ(first.events, second.events);
    EXPECT_GT(first.bytes, 0U);
    EXPECT_NE(first.trace, play(seed + 1).trace);
  }
}

TEST(WorldSim, JumpsFromTimerToTimer) {
  World world(1);
  auto& host = world.machine("a").boot();
  const auto start = host.clock().now();
  const auto wall = host.clock().wall_ms();
  std::vector<int> order;
  host.clock().call_at(start + 2h, [&] { order.push_back(2); });
  host.clock().call_at(start + 1h, [&] { order.push_back(1); });
  const auto never = host.clock().call_at(start + 90min, [&] { order.push_back(0); });
  host.clock().cancel(never);
  world.run_for(3h);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(host.clock().now() - start, 3h);
  EXPECT_EQ(host.clock().wall_ms() - wall, 3 * 3600 * 1000);
}

TEST(WorldSim, RunUntilStopsAtTheConditionOrTheLimit) {
  World world(1);
  auto& host = world.machine("a").boot();
  bool is_reached = false;
  host.clock().call_at(host.clock().now() + 5s, [&] { is_reached = true; });
  EXPECT_FALSE(world.run_until([&] { return is_reached; }, 3s));
  EXPECT_EQ(world.now().since_start, 3s);
  EXPECT_TRUE(world.run_until([&] { return is_reached; }, 1h));
  EXPECT_EQ(world.now().since_start, 5s);
}

}  // namespace
}  // namespace sluice::sim
