#include "relay/monitor.h"

#include <gtest/gtest.h>

#include "resp/reply_reader.h"

namespace sluice::relay {
namespace {

TunnelFacts facts() {
  TunnelFacts tunnel;
  tunnel.front_name = "10.0.0.9:40000";
  tunnel.destination = "PROXYTLS://y:2 TCP://b:3";
  tunnel.line_received_ms = 1000;
  tunnel.established_ms = 1020;
  tunnel.front = {.address = "10.0.0.9:40000", .in_bytes = 5, .out_bytes = 7, .tcp = {}};
  tunnel.back = {.address = "10.0.0.2:2", .in_bytes = 7, .out_bytes = 5, .tcp = rt::TcpFigures{}};
  return tunnel;
}

resp::Reply parsed(const std::string& answer) {
  resp::ReplyReader reader;
  reader.feed(answer);
  auto reply = reader.next();
  EXPECT_TRUE(reply && *reply) << answer;
  return **reply;
}

TEST(Monitor, TellsOfATunnelInTheOrderOfTheField) {
  const std::vector<TunnelFacts> tunnels{facts()};
  EXPECT_EQ(tunnel_stats(tunnels),
            "*1\r\n*8\r\n+10.0.0.9:40000-10.0.0.2:2-PROXYTLS://y:2 TCP://b:3\r\n"
            "+Tunnel-Established\r\n:1000\r\n:1020\r\n:-1\r\n+Not Yet\r\n"
            "+10.0.0.9:40000\r\n+10.0.0.2:2\r\n");
}

TEST(Monitor, TrafficHasFiveNumbersPerEnd) {
  const std::vector<TunnelFacts> tunnels{facts()};
  EXPECT_NE(traffic_stats(tunnels, 99).find("*5\r\n:99\r\n:5\r\n:7\r\n:0\r\n:0\r\n"),
            std::string::npos);
}

TEST(Monitor, EveryAnswerIsOneReplyOfResp) {
  const std::vector<TunnelFacts> tunnels{facts(), facts()};
  for (const auto& answer :
       {tunnel_stats(tunnels), socket_stats(tunnels, 1), traffic_stats(tunnels, 1)}) {
    EXPECT_EQ(parsed(answer).elements.size(), 2U);
  }
  EXPECT_EQ(tunnel_stats({}), "*0\r\n");
}

TEST(Monitor, PingsThatNeverCameBackHaveTheFieldsNumbers) {
  hop::NextHops hops;
  hops.want({tunnel::Scheme::kProxyTcp, {"x", 1}}, rt::Instant{});
  EXPECT_EQ(ping_stats(hops), "*1\r\n*4\r\n:-1\r\n:-1\r\n+x:1\r\n+x:1\r\n");
}

}  // namespace
}  // namespace sluice::relay
