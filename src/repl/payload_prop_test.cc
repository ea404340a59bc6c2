#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <string>
#include <vector>

#include "repl/payload.h"

namespace sluice::repl {
namespace {

const std::string kMark = "0123456789abcdef0123456789abcdef01234567";

struct Cut {
  std::string rdb;
  std::string stream;
  bool is_complete = false;
};

// Feeds `wire` in pieces, keeping what was not consumed, as a connection does.
Cut cut(const std::string& wire, const std::vector<std::size_t>& sizes) {
  PayloadReader reader;
  Cut result;
  std::string pending;
  std::size_t at = 0;
  for (std::size_t turn = 0; at < wire.size(); ++turn) {
    const auto size = sizes.empty() ? wire.size() : sizes[turn % sizes.size()];
    pending += wire.substr(at, size);
    at += size;
    while (!result.is_complete && !pending.empty()) {
      const auto taken = reader.take(pending);
      RC_ASSERT(taken.has_value());
      if (taken->consumed == 0) break;
      result.rdb += taken->rdb;
      result.is_complete = taken->is_complete;
      pending.erase(0, taken->consumed);
    }
  }
  result.stream = pending;
  return result;
}

auto split_sizes() {
  return rc::gen::nonEmpty(
      rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 50)));
}

// Bytes in which beginnings of the mark are frequent.
auto near_misses() {
  return rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, 40));
}

std::string body_of(const std::vector<std::size_t>& prefixes) {
  std::string body = "REDIS0010";
  for (const auto length : prefixes) body += kMark.substr(0, length);
  return body;
}

RC_GTEST_PROP(Payload, EndsAtTheLengthHoweverTheBytesAreSplit, ()) {
  const auto body = body_of(*near_misses());
  const auto wire = "\n\n$" + std::to_string(body.size()) + "\r\n" + body + "*1\r\n$4\r\nPING\r\n";
  const auto result = cut(wire, *split_sizes());
  RC_ASSERT(result.is_complete);
  RC_ASSERT(result.rdb == body);
  RC_ASSERT(result.stream == "*1\r\n$4\r\nPING\r\n");
}

RC_GTEST_PROP(Payload, EndsAtTheMarkHoweverTheBytesAreSplit, ()) {
  const auto body = body_of(*near_misses());
  const auto wire = "\n$EOF:" + kMark + "\r\n" + body + kMark + "*1\r\n";
  const auto expected = wire.substr(48, wire.find(kMark, 48) - 48);
  const auto result = cut(wire, *split_sizes());
  RC_ASSERT(result.is_complete);
  RC_ASSERT(result.rdb == expected);
}

RC_GTEST_PROP(Payload, TakesTheRestOfANamedSnapshotHoweverTheBytesAreSplit, ()) {
  const auto body = body_of(*near_misses());
  const auto skipped = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 40);
  const auto header = named_payload_header(body.size(), body.size() + skipped, "id:0001-2.rdb:17");
  const auto result = cut("\n" + header + body + "*1\r\n", *split_sizes());
  RC_ASSERT(result.is_complete);
  RC_ASSERT(result.rdb == body);
  RC_ASSERT(result.stream == "*1\r\n");
  PayloadReader reader;
  RC_ASSERT(reader.take(header)->consumed == header.size());
  RC_ASSERT(reader.skipped() == skipped);
  RC_ASSERT(*reader.length() == body.size() + skipped);
  RC_ASSERT(reader.name() == "id:0001-2.rdb:17");
}

TEST(Payload, OfARedisHasNoNameAndSkipsNothing) {
  PayloadReader reader;
  ASSERT_TRUE(reader.take("$12\r\n"));
  EXPECT_EQ(reader.name(), "");
  EXPECT_EQ(reader.skipped(), 0U);
  EXPECT_EQ(reader.length(), 12U);
}

TEST(Payload, RefusesARestThatIsNone) {
  const std::string long_name(kSnapshotNameBytesMax + 1, 'n');
  for (const auto& header :
       {std::string("$12 of 11 as n\r\n"), std::string("$0 of 11 as n\r\n"),
        std::string("$1 of 11 as \r\n"), std::string("$1 of 11\r\n"),
        std::string("$1 of 11 as two words\r\n"), std::string("$1 of x as n\r\n"),
        "$1 of 11 as " + long_name + "\r\n"}) {
    EXPECT_FALSE(PayloadReader().take(header)) << header;
  }
}

TEST(Payload, QuotesTheErrorOfAMasterThatCannotFork) {
  PayloadReader reader;
  const auto taken = reader.take("-ERR no memory\r\n");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::kProtocol);
  EXPECT_NE(taken.error().detail.find("-ERR no memory"), std::string::npos);
}

TEST(Payload, RefusesLengthsThatAreNone) {
  for (const auto* header :
       {"$\r\n", "$-1\r\n", "$0\r\n", "$12x\r\n", "$99999999999999999999\r\n", "$EOF:short\r\n"}) {
    EXPECT_FALSE(PayloadReader().take(header)) << header;
  }
  EXPECT_FALSE(PayloadReader().take(std::string(2000, '$')));
}

}  // namespace
}  // namespace sluice::repl
