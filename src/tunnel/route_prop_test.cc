#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <string>
#include <vector>

#include "tunnel/line_reader.h"
#include "tunnel/route.h"

namespace sluice::tunnel {
namespace {

rc::Gen<Node> nodes(bool is_proxy) {
  const auto hosts = rc::gen::element<std::string>("a", "b-1.example.org", "10.0.0.1", "::1",
                                                   "2001:db8::42", "c_d", "[x", "y");
  return rc::gen::map(rc::gen::tuple(rc::gen::arbitrary<bool>(), hosts, rc::gen::inRange(1, 65536)),
                      [is_proxy](const std::tuple<bool, std::string, int>& drawn) {
                        const auto& [is_tls, host, port] = drawn;
                        const auto proxy = is_tls ? Scheme::kProxyTls : Scheme::kProxyTcp;
                        const auto last = is_tls ? Scheme::kTls : Scheme::kTcp;
                        const auto scheme = is_proxy ? proxy : last;
                        return Node{scheme,
                                    {host == "[x" ? "x" : host, static_cast<std::uint16_t>(port)}};
                      });
}

RouteLine any_line() {
  RouteLine line;
  const auto relays = *rc::gen::inRange(0, 4);
  for (int hop = 0; hop <= relays; ++hop) {
    const auto count = *rc::gen::inRange<std::size_t>(1, 4);
    line.route.push_back(*rc::gen::container<Hop>(count, nodes(hop < relays)));
  }
  RC_PRE(parse_route(to_string(line.route)).has_value());  // else a loop was drawn
  const auto peers = *rc::gen::inRange(0, 4);
  for (int n = 0; n < peers; ++n) line.forward_for.push_back("10.0.0.9:" + std::to_string(n));
  line.is_compressed = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) {
    const auto bits = *rc::gen::arbitrary<std::array<std::uint64_t, 2>>();
    line.sluice =
        SluiceOption{1, SluiceOption::Stripe{{bits}, *rc::gen::arbitrary<std::uint32_t>()}};
  }
  if (*rc::gen::arbitrary<bool>()) line.others.emplace_back("TRACE 1  2");
  return line;
}

RC_GTEST_PROP(RouteLine, IsReadBackAsItWasWritten, ()) {
  const auto line = any_line();
  const auto wire = print(line);
  RC_PRE(wire.has_value());
  const auto read = parse_line(std::string_view(*wire).substr(0, wire->size() - 2));
  RC_ASSERT(read.has_value());
  RC_ASSERT(std::get<RouteLine>(*read) == line);
}

RC_GTEST_PROP(LineReader, TakesTheSameLinesHoweverTheBytesAreSplit, ()) {
  const std::vector<std::string> lines{"+PROXY PING", "+PROXY ROUTE TCP://a:1"};
  const std::string payload = "\r\n+bytes of the tunnel";
  const auto wire = lines[0] + "\r\n" + lines[1] + "\r\n" + payload;
  LineReader reader;
  std::vector<std::string> seen;
  std::string rest;
  for (std::size_t at = 0; at < wire.size();) {
    const auto step = *rc::gen::inRange<std::size_t>(1, 20);
    auto bytes = std::string_view(wire).substr(at, step);
    at += step;
    while (!bytes.empty() && seen.size() < lines.size()) {
      auto taken = reader.take(bytes);
      RC_ASSERT(taken.has_value());
      bytes.remove_prefix(taken->consumed);
      if (taken->line) seen.push_back(*taken->line);
    }
    rest += bytes;
  }
  RC_ASSERT(seen == lines);
  RC_ASSERT(rest == payload);
}

TEST(LineReader, TakesAnyCase) {
  LineReader reader;
  const auto taken = reader.take("+proxy Ping\r\n");
  ASSERT_TRUE(taken && taken->line);
  EXPECT_TRUE(parse_line(*taken->line));
}

TEST(LineReader, RefusesWhatIsNoSuchLineAsSoonAsItShows) {
  for (const auto* start : {"G", "PROXY", "+PING", "*1\r\n", "\r\n", "\n", "\x16\x03\x01"}) {
    LineReader reader;
    const auto taken = reader.take(start);
    ASSERT_FALSE(taken) << start;
    EXPECT_EQ(taken.error().code, Errc::kProtocol);
    EXPECT_NE(taken.error().detail.find("+PROXY"), std::string::npos);
  }
  LineReader reader;
  EXPECT_NE(reader.take("+PROXY \x01").error().detail.find("\\x01"), std::string::npos);
}

TEST(LineReader, RefusesALineOverItsLimitButNotOneAtIt) {
  const auto text = "+PROXY " + std::string(kLineBytesMax - 9, 'x');
  const auto taken = LineReader().take(text + "\r\nmore");
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->line, text);
  EXPECT_EQ(taken->consumed, kLineBytesMax);
  EXPECT_FALSE(LineReader().take(text + "x\r\n"));
  EXPECT_FALSE(LineReader().take(std::string(100'000, '+')));
}

TEST(LineReader, RefusesACarriageReturnInsideALine) {
  LineReader reader;
  ASSERT_TRUE(reader.take("+PROXY\r"));
  EXPECT_FALSE(reader.take("x"));
}

}  // namespace
}  // namespace sluice::tunnel
