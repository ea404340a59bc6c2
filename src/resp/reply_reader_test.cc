#include "resp/reply_reader.h"

#include <cmath>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace sluice::resp {
namespace {

using Kind = Reply::Kind;

Result<std::optional<Reply>> read(std::string_view wire, ReplyLimits limits = {}) {
  ReplyReader reader(limits);
  reader.feed(wire);
  return reader.next();
}

Reply read_one(std::string_view wire) {
  auto reply = read(wire);
  EXPECT_TRUE(reply) << reply.error().detail;
  EXPECT_TRUE(reply && *reply);
  return reply && *reply ? **reply : Reply{};
}

std::string refusal(std::string_view wire, ReplyLimits limits = {}) {
  const auto reply = read(wire, limits);
  return reply ? "none" : reply.error().detail;
}

Reply bulk(std::string text) {
  return {.kind = Kind::kBulk, .text = std::move(text), .elements = {}};
}

TEST(ReplyReader, ReadsResp2) {
  EXPECT_TRUE(read_one("+OK\r\n").is_ok());
  EXPECT_EQ(read_one("-ERR no\r\n").text, "ERR no");
  EXPECT_TRUE(read_one("-ERR no\r\n").is_error());
  EXPECT_EQ(read_one(":-42\r\n").integer, -42);
  EXPECT_EQ(read_one("$4\r\na\r\nb\r\n"), bulk("a\r\nb"));
  EXPECT_EQ(read_one("$0\r\n\r\n"), bulk(""));
  EXPECT_TRUE(read_one("$-1\r\n").is_null());
  EXPECT_TRUE(read_one("*-1\r\n").is_null());
  EXPECT_TRUE(read_one("*0\r\n").elements.empty());
}

TEST(ReplyReader, ReadsResp3) {
  EXPECT_TRUE(read_one("_\r\n").is_null());
  EXPECT_EQ(read_one("#t\r\n").integer, 1);
  EXPECT_EQ(read_one("#f\r\n").kind, Kind::kBoolean);
  EXPECT_EQ(read_one(",1.5\r\n").number, 1.5);
  EXPECT_TRUE(std::isinf(read_one(",-inf\r\n").number));
  EXPECT_TRUE(std::isnan(read_one(",nan\r\n").number));
  EXPECT_EQ(read_one("(12345678901234567890123\r\n").text, "12345678901234567890123");
  EXPECT_EQ(read_one("!5\r\nERR x\r\n").kind, Kind::kError);
  EXPECT_EQ(read_one("=6\r\ntxt:hi\r\n").text, "hi");
  EXPECT_EQ(read_one("~1\r\n:1\r\n").kind, Kind::kSet);
  EXPECT_EQ(read_one(">1\r\n+message\r\n").kind, Kind::kPush);
  const auto map = read_one("%2\r\n+a\r\n$1\r\nx\r\n+b\r\n$1\r\ny\r\n");
  EXPECT_EQ(map.kind, Kind::kMap);
  ASSERT_EQ(map.elements.size(), 4U);
  EXPECT_EQ(map.elements[3], bulk("y"));
}

TEST(ReplyReader, ReadsWhatIsNested) {
  const auto reply = read_one("*2\r\n*2\r\n$1\r\na\r\n*0\r\n%1\r\n+k\r\n*1\r\n:7\r\n");
  ASSERT_EQ(reply.elements.size(), 2U);
  EXPECT_EQ(reply.elements[0].elements[0], bulk("a"));
  EXPECT_EQ(reply.elements[1].elements[1].elements[0].integer, 7);
}

TEST(ReplyReader, DropsAttributes) {
  EXPECT_EQ(read_one("|1\r\n+ttl\r\n:1\r\n*1\r\n|1\r\n+a\r\n*1\r\n:1\r\n$1\r\nx\r\n").elements,
            std::vector{bulk("x")});
  EXPECT_EQ(read_one("|0\r\n:5\r\n").integer, 5);
}

TEST(ReplyReader, PassesOverSignsOfLifeAndLeavesTheRest) {
  ReplyReader reader;
  reader.feed("\n\r\n\n+FULLRESYNC x 1\r\n\n$EOF:");
  const auto reply = reader.next();
  ASSERT_TRUE(reply && *reply);
  EXPECT_EQ((*reply)->text, "FULLRESYNC x 1");
  EXPECT_EQ(reader.rest(), "\n$EOF:");
}

TEST(ReplyReader, RefusesWhatIsNotAReply) {
  EXPECT_EQ(refusal("OK\r\n"), "reply: unknown type");
  EXPECT_EQ(refusal("+OK\n"), "reply: a line ends without CR");
  EXPECT_EQ(refusal(":12a\r\n"), "reply: not an integer");
  EXPECT_EQ(refusal(",1.5x\r\n"), "reply: not a number");
  EXPECT_EQ(refusal("#x\r\n"), "reply: a boolean that is neither t nor f");
  EXPECT_EQ(refusal("_x\r\n"), "reply: a null with a value");
  EXPECT_EQ(refusal("$-2\r\n"), "reply: a string without a length");
  EXPECT_EQ(refusal("$?\r\n"), "reply: a string without a length");
  EXPECT_EQ(refusal("$1\r\nab\r\n"), "reply: a string without CR LF");
  EXPECT_EQ(refusal("=2\r\nab\r\n"), "reply: no format");
  EXPECT_EQ(refusal("*-2\r\n"), "reply: an aggregate without a count");
  EXPECT_EQ(refusal("%-1\r\n"), "reply: an aggregate without a count");
  EXPECT_EQ(refusal("*1\r\n\r\n"), "reply: an empty line");
}

TEST(ReplyReader, RefusesMoreThanItsLimits) {
  const ReplyLimits limits{.bytes = 40, .elements = 4, .depth = 2, .line_bytes = 20};
  EXPECT_EQ(refusal("$33\r\n", limits), "none");
  EXPECT_EQ(refusal("$9223372036854775807\r\n", limits), "reply: a line exceeds its limit");
  EXPECT_EQ(refusal("$37\r\n", limits), "reply: it exceeds its limit");
  EXPECT_EQ(refusal("*4\r\n", limits), "none");
  EXPECT_EQ(refusal("*5\r\n", limits), "reply: it has too many elements");
  EXPECT_EQ(refusal("%3\r\n", limits), "reply: it has too many elements");
  EXPECT_EQ(refusal("*3\r\n*2\r\n", limits), "reply: it has too many elements");
  EXPECT_EQ(refusal("*1\r\n*1\r\n*1\r\n", limits), "reply: it is nested too deeply");
  EXPECT_EQ(refusal("+" + std::string(30, 'x'), limits), "reply: a line exceeds its limit");
  EXPECT_EQ(refusal("$9223372036854775807\r\n"), "reply: it exceeds its limit");
}

TEST(ReplyReader, CountsLimitsByReply) {
  ReplyReader reader(ReplyLimits{.bytes = 10, .elements = 2});
  reader.feed("*2\r\n:1\r\n:2\r\n");
  EXPECT_FALSE(reader.next());
  ReplyReader other(ReplyLimits{.bytes = 12, .elements = 2});
  other.feed("*2\r\n:1\r\n:2\r\n*2\r\n:1\r\n:2\r\n");
  EXPECT_TRUE(other.next());
  EXPECT_TRUE(other.next());
}

}  // namespace
}  // namespace sluice::resp
