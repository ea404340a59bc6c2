#include "resp/command_reader.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::resp {
namespace {

using Commands = std::vector<std::vector<std::string>>;

struct Outcome {
  Commands commands;
  std::string error;
};

Outcome drain(CommandReader& reader) {
  Outcome outcome;
  while (true) {
    const auto command = reader.next();
    if (!command) {
      outcome.error = command.error().detail;
      return outcome;
    }
    if (!*command) return outcome;
    outcome.commands.emplace_back((*command)->begin(), (*command)->end());
  }
}

Outcome read(const std::string& wire, CommandLimits limits = {}) {
  CommandReader reader(limits);
  reader.feed(wire);
  return drain(reader);
}

TEST(CommandReader, ReadsArraysOfBulkStrings) {
  const auto outcome = read("*2\r\n$3\r\nGET\r\n$5\r\na\r\nb\n\r\n*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(outcome.commands, (Commands{{"GET", "a\r\nb\n"}, {"PING"}}));
  EXPECT_EQ(outcome.error, "");
}

TEST(CommandReader, ReadsEmptyArguments) {
  EXPECT_EQ(read("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n").commands, (Commands{{"ECHO", ""}}));
}

TEST(CommandReader, ReadsTypedLines) {
  EXPECT_EQ(read("PING\r\n  set  a 'b c' \n").commands, (Commands{{"PING"}, {"set", "a", "b c"}}));
}

TEST(CommandReader, ReadsQuotesAsRedisDoes) {
  EXPECT_EQ(read(R"(ECHO "\x41\n\"\q" '\'\n' a"b" "")"
                 "\r\n")
                .commands,
            (Commands{{"ECHO", "A\n\"q", "'\\n", "ab", ""}}));
}

TEST(CommandReader, PassesOverEmptyCommands) {
  EXPECT_EQ(read("\r\n*0\r\n*-1\r\n   \r\nPING\r\n").commands, (Commands{{"PING"}}));
}

TEST(CommandReader, PointsIntoTheBytesFedWhenTheyHoldAWholeCommand) {
  const std::string wire = "*1\r\n$4\r\nPING\r\n";
  CommandReader reader;
  reader.feed(wire);
  const auto command = reader.next();
  ASSERT_TRUE(command && *command);
  EXPECT_EQ((**command)[0].data(), wire.data() + 8);
}

TEST(CommandReader, HoldsNothingBetweenCommands) {
  CommandReader reader;
  reader.feed("*1\r\n$4\r\nPI");
  EXPECT_TRUE(drain(reader).commands.empty());
  EXPECT_EQ(reader.pending_bytes(), 10U);
  reader.feed("NG\r\n");
  EXPECT_EQ(drain(reader).commands, (Commands{{"PING"}}));
  EXPECT_EQ(reader.pending_bytes(), 0U);
}

TEST(CommandReader, AnswersHostileBytesInTheWordsOfRedis) {
  const std::string open = "*1\r\n";
  EXPECT_EQ(read("*x\r\n").error, "Protocol error: invalid multibulk length");
  EXPECT_EQ(read("*99999999999\r\n").error, "Protocol error: invalid multibulk length");
  EXPECT_EQ(read("*03\r\n").error, "Protocol error: invalid multibulk length");
  EXPECT_EQ(read(open + "$-1\r\n").error, "Protocol error: invalid bulk length");
  EXPECT_EQ(read(open + "$x\r\n").error, "Protocol error: invalid bulk length");
  EXPECT_EQ(read(open + "$536870913\r\n").error, "Protocol error: invalid bulk length");
  EXPECT_EQ(read(open + ":1\r\n").error, "Protocol error: expected '$', got ':'");
  EXPECT_EQ(read("ECHO \"a\r\n").error, "Protocol error: unbalanced quotes in request");
  EXPECT_EQ(read("ECHO \"a\"b\r\n").error, "Protocol error: unbalanced quotes in request");
  EXPECT_EQ(read(std::string(70'000, 'a')).error, "Protocol error: too big inline request");
  EXPECT_EQ(read("*" + std::string(70'000, '1')).error,
            "Protocol error: too big mbulk count string");
  EXPECT_EQ(read(open + "$" + std::string(70'000, '1')).error,
            "Protocol error: too big bulk count string");
}

TEST(CommandReader, TakesTheLargestArgumentAndNothingLarger) {
  const CommandLimits limits{.bulk_bytes = 4, .arguments = 2};
  EXPECT_EQ(read("*1\r\n$4\r\nPING\r\n", limits).commands, (Commands{{"PING"}}));
  EXPECT_EQ(read("*1\r\n$5\r\n", limits).error, "Protocol error: invalid bulk length");
  EXPECT_EQ(read("*2\r\n", limits).error, "");
  EXPECT_EQ(read("*3\r\n", limits).error, "Protocol error: invalid multibulk length");
}

TEST(CommandReader, TrustsAStrangerWithLittle) {
  const CommandLimits stranger{.is_authenticated = false};
  EXPECT_EQ(read("*10\r\n$16384\r\n", stranger).error, "");
  EXPECT_EQ(read("*11\r\n", stranger).error, "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(read("*1\r\n$16385\r\n", stranger).error,
            "Protocol error: unauthenticated bulk length");
}

TEST(CommandReader, AppliesNewLimitsToTheNextCommand) {
  CommandReader reader(CommandLimits{.is_authenticated = false});
  reader.feed("AUTH x\r\n*11\r\n");
  ASSERT_TRUE(reader.next());
  reader.set_limits({});
  const auto more = reader.next();
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
}

TEST(CommandReader, LimitsWhatACommandMayGatherInMemory) {
  CommandReader reader(CommandLimits{.query_bytes = 100});
  const std::string part = "*2\r\n$300\r\n" + std::string(90, 'a');
  reader.feed(std::string_view(part).substr(0, 100));
  EXPECT_EQ(drain(reader).error, "");
  reader.feed("a");
  EXPECT_EQ(drain(reader).error, "Protocol error: command exceeds the query buffer limit");
}

TEST(CommandReader, StaysFailed) {
  CommandReader reader;
  reader.feed("*x\r\n");
  EXPECT_FALSE(reader.next());
  reader.feed("PING\r\n");
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace sluice::resp
