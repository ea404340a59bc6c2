#include <gtest/gtest.h>
#include <string>

#include "http/server.h"
#include "sim/machine.h"
#include "sim/network.h"
#include "sim/world.h"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;

const std::string kGet = "GET /metrics HTTP/1.1\r\n\r\n";

// Sends `text` and reads until the server ends the connection.
rt::Task<void> ask(rt::Host& host, std::string text, std::string& seen, bool& is_ended) {
  const base::Endpoint to{"server", 9121};
  auto stream = co_await host.network().connect(to, {});
  if (!stream) co_return;
  const auto written = co_await (*stream)->write(text);
  while (written) {
    const auto got = co_await (*stream)->read_some(host.read_buffer());
    if (!got) break;
    seen.append(host.read_buffer().data(), *got);
  }
  is_ended = true;
}

class HttpServer : public testing::Test {
 protected:
  void SetUp() override {
    server_.get("/metrics", exposition(metrics_));
    metrics_.gauge({"sluice_keeper_replicas", "Replicas."}).set(3);
    ASSERT_TRUE(server_.listen({"", 9121}));
  }

  void TearDown() override {
    world_.spawn(server_.stop());
    world_.run_for(10s);
    EXPECT_EQ(server_.connections(), 0U);
  }

  sim::World world_{1};
  sim::Host& host_ = world_.machine("server").boot();
  sim::Host& client_ = world_.machine("client").boot();
  base::Metrics metrics_;
  Server server_{
      host_, base::Log::quiet(), {.request = {}, .connections_max = 2, .exchange_time_max = 30s}};
};

TEST_F(HttpServer, KeepsAConnectionForFurtherRequestsAndThenDropsAnIdleOne) {
  std::string seen;
  bool is_ended = false;
  world_.spawn(ask(client_, kGet + kGet, seen, is_ended));
  world_.run_for(29s);
  EXPECT_FALSE(is_ended);
  const auto first = seen.find("sluice_keeper_replicas 3\n");
  ASSERT_NE(first, std::string::npos) << seen;
  EXPECT_NE(seen.find("sluice_keeper_replicas 3\n", first + 1), std::string::npos);
  world_.run_for(5s);
  EXPECT_TRUE(is_ended);
}

TEST_F(HttpServer, DropsAClientThatNeverEndsItsRequest) {
  std::string seen;
  bool is_ended = false;
  world_.spawn(ask(client_, "GET /metrics HTTP/1.1\r\n", seen, is_ended));
  world_.run_for(35s);
  EXPECT_TRUE(is_ended);
  EXPECT_EQ(seen, "");
}

TEST_F(HttpServer, TurnsAwayWhomItHasNoRoomFor) {
  std::string waiting;
  std::string refused;
  bool is_waiting_ended = false;
  bool is_refused_ended = false;
  world_.spawn(ask(client_, "G", waiting, is_waiting_ended));
  world_.spawn(ask(client_, "G", waiting, is_waiting_ended));
  world_.run_for(5s);
  world_.spawn(ask(client_, kGet, refused, is_refused_ended));
  world_.run_for(5s);
  EXPECT_TRUE(is_refused_ended);
  EXPECT_FALSE(is_waiting_ended);
}

TEST_F(HttpServer, EndsItsConnectionsWhenItStops) {
  std::string seen;
  bool is_ended = false;
  world_.spawn(ask(client_, kGet, seen, is_ended));
  world_.run_for(1s);
  EXPECT_EQ(server_.connections(), 1U);
  world_.spawn(server_.stop());
  world_.run_for(1s);
  EXPECT_TRUE(is_ended);
}

}  // namespace
}  // namespace sluice::http
