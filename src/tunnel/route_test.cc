#include "tunnel/route.h"

#include <gtest/gtest.h>

namespace sluice::tunnel {
namespace {

Node node(Scheme scheme, std::string host, std::uint16_t port) {
  return {scheme, {std::move(host), port}};
}

RouteLine route_line(std::string_view text) {
  auto line = parse_line(text);
  EXPECT_TRUE(line) << line.error().detail;
  return line ? std::get<RouteLine>(*std::move(line)) : RouteLine{};
}

std::string refusal(std::string_view text) {
  const auto line = parse_line(text);
  EXPECT_FALSE(line) << text;
  if (line) return "";
  EXPECT_EQ(line.error().code, Errc::kRejected);
  return line.error().detail;
}

bool says(const std::string& detail, std::string_view what) {
  return detail.find(what) != std::string::npos;
}

TEST(RouteLine, IsReadAsTheFieldWritesIt) {
  const auto line = route_line(
      "+PROXY ROUTE PROXYTCP://10.0.0.1:80,PROXYTLS://10.0.0.2:443 TCP://10.2.24.215:6390;"
      "FORWARD_FOR 10.5.109.209:41085 10.5.109.210:41086;CONTENT COMPRESS ZSTD 1.0#;");
  ASSERT_EQ(line.route.size(), 2U);
  EXPECT_EQ(line.route[0], (Hop{node(Scheme::kProxyTcp, "10.0.0.1", 80),
                                node(Scheme::kProxyTls, "10.0.0.2", 443)}));
  EXPECT_EQ(line.route[1], Hop{node(Scheme::kTcp, "10.2.24.215", 6390)});
  EXPECT_EQ(line.forward_for,
            (std::vector<std::string>{"10.5.109.209:41085", "10.5.109.210:41086"}));
  EXPECT_TRUE(line.is_compressed);
  EXPECT_FALSE(line.sluice);
}

TEST(RouteLine, TakesAnyCaseSpacesAndAMandatoryRoute) {
  const auto line = route_line("+proxy route  tcp://a:1 # ; forward_for 1.1.1.1:2 ;;");
  EXPECT_EQ(line.route, Route{{node(Scheme::kTcp, "a", 1)}});
  EXPECT_EQ(line.forward_for.size(), 1U);
}

TEST(RouteLine, TakesNamesAndBothKindsOfAddress) {
  const auto line =
      route_line("+PROXY ROUTE PROXYTLS://[2001:db8::1]:443 TLS://db_1.example-x.org:1");
  EXPECT_EQ(line.route[0][0].endpoint.host, "2001:db8::1");
  EXPECT_EQ(line.route[1][0].endpoint.host, "db_1.example-x.org");
  EXPECT_EQ(to_string(line.route), "PROXYTLS://[2001:db8::1]:443 TLS://db_1.example-x.org:1");
}

TEST(RouteLine, PassesUnknownPlainOptionsOnAndRefusesMandatoryOnes) {
  const auto line = route_line("+PROXY ROUTE PROXYTCP://a:1 TCP://b:2;SECURITY x  y;TRACE 1");
  EXPECT_EQ(line.others, (std::vector<std::string>{"SECURITY x  y", "TRACE 1"}));
  EXPECT_EQ(*print(*forwarded(line, "9.9.9.9:9")),
            "+PROXY ROUTE TCP://b:2;FORWARD_FOR 9.9.9.9:9;SECURITY x  y;TRACE 1;\r\n");
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://b:2;SECURITY x #"), "'SECURITY x' is mandatory"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://b:2;#"), "mandatory"));
}

TEST(RouteLine, IsForwardedWithoutItsFirstHopAndWhatHoldsForOneHop) {
  const auto line = route_line(
      "+PROXY ROUTE PROXYTCP://a:1 TCP://b:2;FORWARD_FOR 1.1.1.1:1;CONTENT COMPRESS ZSTD 1.0#;"
      "SLUICE 1 0123456789abcdef0123456789abcdef 3");
  const auto next = forwarded(line, "2.2.2.2:2");
  ASSERT_TRUE(next);
  EXPECT_EQ(*print(*next), "+PROXY ROUTE TCP://b:2;FORWARD_FOR 1.1.1.1:1 2.2.2.2:2;\r\n");
  EXPECT_FALSE(forwarded(*next, "3.3.3.3:3")) << "nothing is left behind the destination";
}

TEST(RouteLine, CarriesTheStripeOfASluiceTunnel) {
  const auto line =
      route_line("+PROXY ROUTE TCP://b:2;SLUICE 1 0123456789abcdef00000000000000ff 7");
  ASSERT_TRUE(line.sluice && line.sluice->stripe);
  EXPECT_EQ(line.sluice->version, 1U);
  EXPECT_EQ(line.sluice->stripe->number, 7U);
  EXPECT_EQ(to_string(line.sluice->stripe->tunnel), "0123456789abcdef00000000000000ff");
  for (const auto* option : {"SLUICE", "SLUICE x", "SLUICE 0", "SLUICE 1 0123", "SLUICE 1 01 2",
                             "SLUICE 1 0123456789abcdef00000000000000fF 7"}) {
    refusal(std::string("+PROXY ROUTE TCP://b:2;") + option);
  }
}

TEST(RouteLine, NamesTheNodeThatIsWrongAndWhatIsRight) {
  EXPECT_TRUE(says(refusal("+PROXY ROUTE HTTP://a:1"), "'HTTP://a:1' has no known scheme"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE a:1"), "write TCP://"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://a"), "has no port"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://a:0"), "port 0"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://a:65536"), "not 0..65535"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://:6379"), "no valid host"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://::1:6379"), "without brackets"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://a/b:1"), "no valid host"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE PROXYTCP://a:1,,PROXYTCP://b:1 TCP://c:1"), "empty"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE PROXYTCP://a:1,TCP://b:1"), "mixes"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://a:1 TCP://b:1"), "goes on behind 'TCP://a:1'"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE"), "the route is empty"));
  EXPECT_TRUE(says(refusal("+PROXY FORWARD_FOR 1.1.1.1:1"), "none of ROUTE"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://a:1;PING"), "more than one"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://a:1;ROUTE TCP://b:1"), "stands twice"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://a:1;CONTENT COMPRESS GZIP 1.0"), "not supported"));
  EXPECT_TRUE(says(refusal("+PROXYROUTE TCP://a:1"), "does not start"));
  EXPECT_TRUE(says(refusal(""), "does not start"));
}

TEST(RouteLine, IsTakenForALoopWhenItComesBackOrGrowsTooLong) {
  EXPECT_TRUE(says(refusal("+PROXY ROUTE PROXYTCP://a:1 PROXYTLS://b:1 PROXYTCP://a:1 TCP://c:1"),
                   "comes to a:1 twice"));
  std::string hops;
  for (std::size_t n = 0; n < kHopsMax; ++n) hops += " PROXYTCP://r" + std::to_string(n) + ":1";
  EXPECT_TRUE(parse_line("+PROXY ROUTE" + hops));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE" + hops + " TCP://c:1"), "taken for a loop"));

  std::string peers;
  for (std::size_t n = 0; n < kForwardsMax; ++n) peers += " 10.0.0.1:" + std::to_string(n + 1);
  const auto line = route_line("+PROXY ROUTE PROXYTCP://a:1 TCP://b:1;FORWARD_FOR" + peers);
  EXPECT_FALSE(forwarded(line, "10.0.0.2:1"));
  EXPECT_TRUE(says(refusal("+PROXY ROUTE TCP://b:1;FORWARD_FOR 1.1.1.1:1" + peers), "loop"));
}

TEST(RouteLine, MayNameAlternativesOfOneHopTwice) {
  EXPECT_TRUE(parse_route("PROXYTCP://a:1,PROXYTLS://a:1 TCP://c:1"));
}

TEST(RouteLine, IsAtMostAKilobyteWithItsCrLf) {
  const std::string start = "+PROXY ROUTE TCP://b:1;X ";
  const auto longest = start + std::string(kLineBytesMax - 2 - start.size(), 'x');
  EXPECT_TRUE(parse_line(longest));
  EXPECT_TRUE(says(refusal(longest + "x"), "write at most 1024"));
  auto line = route_line(longest);
  line.forward_for.emplace_back("1.1.1.1:1");
  EXPECT_FALSE(print(line));
}

TEST(PingLine, AsksARelayOrOneBehindIt) {
  EXPECT_FALSE(std::get<PingLine>(*parse_line("+PROXY PING")).through);
  const auto line = std::get<PingLine>(*parse_line("+PROXY PING PROXYTLS://a:443"));
  ASSERT_TRUE(line.through);
  EXPECT_EQ(*line.through, node(Scheme::kProxyTls, "a", 443));
  EXPECT_EQ(print(line), "+PROXY PING PROXYTLS://a:443\r\n");
  refusal("+PROXY PING PROXYTLS://a:443 x");
}

TEST(PingLine, AsksForTheVersionOfSluiceInFrontOfTheQuestion) {
  const PingLine line{.through = std::nullopt, .sluice = SluiceOption{}};
  EXPECT_EQ(print(line), "+PROXY SLUICE 1;PING\r\n");
  EXPECT_EQ(std::get<PingLine>(*parse_line("+PROXY SLUICE 1;PING")), line);
}

TEST(MonitorLine, AsksForOneOfFourTables) {
  const auto line = std::get<MonitorLine>(*parse_line("+PROXY MONITOR SocketStats"));
  EXPECT_EQ(line.kind, MonitorKind::kSocketStats);
  EXPECT_EQ(print(line), "+PROXY MONITOR SocketStats\r\n");
  EXPECT_TRUE(says(refusal("+PROXY MONITOR Everything"), "TrafficStats"));
  refusal("+PROXY MONITOR");
}

TEST(PongLine, IsReadAndWrittenWithAndWithoutARelayBehind) {
  const Pong direct{.direct = {"1.1.1.1", 80}, .through = {}, .sluice = {}};
  EXPECT_EQ(print(direct), "+PROXY PONG 1.1.1.1:80\r\n");
  EXPECT_EQ(*parse_pong("+PROXY PONG 1.1.1.1:80"), direct);
  const Pong through{.direct = {"1.1.1.1", 80},
                     .through = Pong::Through{{"2.2.2.2", 443}, 201},
                     .sluice = SluiceOption{}};
  EXPECT_EQ(print(through), "+PROXY PONG 1.1.1.1:80 2.2.2.2:443 201;SLUICE 1\r\n");
  EXPECT_EQ(*parse_pong("+PROXY PONG 1.1.1.1:80 2.2.2.2:443 201;SLUICE 1"), through);
  for (const auto* text : {"", "+PROXY PONG", "+PONG a:1", "+PROXY PONG a:1 b:2", "+PROXY PONG a"})
    EXPECT_FALSE(parse_pong(text)) << text;
}

}  // namespace
}  // namespace sluice::tunnel
