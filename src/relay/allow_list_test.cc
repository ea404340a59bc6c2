#include "relay/allow_list.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

Destination numeric(const std::string& ip, std::uint16_t port) {
  return {{ip, port}, IpAddress::parse(ip)};
}

AllowList everyone(const std::vector<std::string>& rules) {
  std::vector<AllowRule> parsed;
  parsed.reserve(rules.size());
  for (const auto& rule : rules) parsed.push_back(*parse_allow_rule(rule));
  return {parsed, {}};
}

TEST(AllowList, AllowsNothingWhenItIsEmpty) {
  EXPECT_FALSE(AllowList({}, {}).allows({}, numeric("127.0.0.1", 6379)));
}

TEST(AllowList, ARangeJudgesTheAddressWhateverTheName) {
  const auto list = everyone({"10.0.0.0/8:6379"});
  EXPECT_TRUE(list.allows({}, numeric("10.1.2.3", 6379)));
  EXPECT_FALSE(list.allows({}, numeric("10.1.2.3", 6380)));
  EXPECT_FALSE(list.allows({}, numeric("11.1.2.3", 6379)));
  EXPECT_TRUE(list.allows({}, {{"a.example", 6379}, IpAddress::parse("10.9.9.9")}));
  EXPECT_FALSE(list.allows({}, {{"a.example", 6379}, IpAddress::parse("169.254.169.254")}));
}

TEST(AllowList, ANameAllowsItselfInAnyCaseAndNothingElse) {
  const auto list = everyone({"Redis.EU.example"});
  EXPECT_TRUE(list.allows({}, {{"redis.eu.EXAMPLE", 1}, IpAddress::parse("1.2.3.4")}));
  EXPECT_FALSE(list.allows({}, {{"xredis.eu.example", 1}, IpAddress::parse("1.2.3.4")}));
  EXPECT_FALSE(list.allows({}, numeric("1.2.3.4", 1)));
}

TEST(AllowList, AClientRuleNeedsCertificateAndSource) {
  const ClientRule rule{.name = "keepers",
                        .certificates = {"keeper.eu"},
                        .sources = {*IpRange::parse("10.0.0.0/8")},
                        .allow = {*parse_allow_rule("10.2.0.1:6379")}};
  const AllowList list({}, {rule});
  const auto target = numeric("10.2.0.1", 6379);
  const auto inside = IpAddress::parse("10.7.7.7");
  EXPECT_TRUE(list.allows({{"x", "keeper.eu"}, inside}, target));
  EXPECT_FALSE(list.allows({{"keeper.us"}, inside}, target));
  EXPECT_FALSE(list.allows({{"keeper.eu"}, IpAddress::parse("9.7.7.7")}, target));
  EXPECT_FALSE(list.allows({{}, inside}, target));
  EXPECT_EQ(list.name_of({{"keeper.eu"}, inside}), "keepers");
  EXPECT_EQ(list.name_of({}), "other");
}

TEST(AllowRule, ReadsBracketsAroundIpv6) {
  const auto rule = *parse_allow_rule("[2001:db8::/32]:6379");
  EXPECT_EQ(rule.port, 6379);
  EXPECT_EQ(std::get<IpRange>(rule.where), *IpRange::parse("2001:db8::/32"));
  EXPECT_EQ(parse_allow_rule("::1")->port, std::nullopt);
}

TEST(AllowRule, RefusesWhatIsNoRule) {
  for (const auto* text : {"", "*", ":6379", "host:", "host:0", "host:65536", "host:x", "[::1",
                           "1.2.3", "[::1]6379", "10.0.0.1/8", "a b", "1.2.3.4.5:1", "tcp://a:1"}) {
    EXPECT_FALSE(parse_allow_rule(text)) << text;
  }
}

}  // namespace
}  // namespace sluice::relay
