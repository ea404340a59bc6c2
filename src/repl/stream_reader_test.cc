#include "repl/stream_reader.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <string>
#include <vector>

namespace sluice::repl {
namespace {

using Argument = StreamCommand::Argument;

std::string encode(const std::vector<std::string>& arguments) {
  std::string wire = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const auto& argument : arguments) {
    wire += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return wire;
}

struct Seen {
  std::vector<StreamCommand> commands;
  std::string error;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen read(const std::string& wire, std::size_t step, StreamReader::Limits limits = {}) {
  StreamReader reader(Mark{Offset{100}, 4}, limits);
  Seen seen;
  for (std::size_t at = 0; at < wire.size() && seen.error.empty(); at += step) {
    const std::string piece = wire.substr(at, step);
    reader.feed(piece);
    for (bool more = true; more;) {
      auto command = reader.next();
      if (!command) seen.error = command.error().detail;
      more = command && *command;
      if (more) seen.commands.push_back(**std::move(command));
    }
  }
  return seen;
}

TEST(StreamReader, TellsWhereEachCommandStands) {
  const auto ping = encode({"PING"});
  const auto set = encode({"SET", "k", "v"});
  const auto seen = read(ping + "\n" + set, 1000).commands;
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].begin, Offset{100});
  EXPECT_EQ(seen[0].end, Offset{100} + ping.size());
  EXPECT_EQ(seen[1].begin, seen[0].end + 1);
  EXPECT_EQ(seen[1].end, seen[1].begin + set.size());
  EXPECT_EQ(seen[1].db, 4U);
  EXPECT_EQ(seen[1].arguments[2], (Argument{"v", 1}));
}

TEST(StreamReader, FollowsDatabasesAndTransactions) {
  const auto seen =
      read(encode({"SET", "a", "1"}) + encode({"MULTI"}) + encode({"SELECT", "7"}) +
               encode({"SET", "a", "1"}) + encode({"EXEC"}) + encode({"SET", "a", "1"}),
           1000)
          .commands;
  ASSERT_EQ(seen.size(), 6U);
  const std::vector<std::uint32_t> dbs{4, 4, 7, 7, 7, 7};
  const std::vector<bool> in_transaction{false, true, true, true, true, false};
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].db, dbs[i]) << i;
    EXPECT_EQ(seen[i].in_transaction, in_transaction[i]) << i;
  }
}

TEST(StreamReader, CutsWhatIsTooLong) {
  const StreamReader::Limits limits{.argument_bytes = 20, .arguments = 3, .command_bytes = 30};
  const auto seen =
      read(encode({"SADD", std::string(50, 'k'), std::string(50, 'm'), "n"}), 7, limits).commands;
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].arguments_count, 4U);
  ASSERT_EQ(seen[0].arguments.size(), 3U);
  EXPECT_EQ(seen[0].arguments[1], (Argument{std::string(20, 'k'), 50}));
  EXPECT_EQ(seen[0].arguments[2], (Argument{std::string(6, 'm'), 50}));
  EXPECT_TRUE(seen[0].arguments[2].is_cut());
}

TEST(StreamReader, NamesTheOffsetOfWhatIsNotACommand) {
  EXPECT_EQ(read(encode({"PING"}) + "PING\r\n", 5).error, "offset 114: expected '*'");
  EXPECT_EQ(read(encode({"SELECT", "x"}), 5).error,
            "offset 123: SELECT without the number of a database");
}

RC_GTEST_PROP(StreamReader, YieldsTheSameCommandsHoweverTheStreamIsSplit, ()) {
  const auto known = rc::gen::element<std::string>("MULTI", "EXEC", "select", "1", "SET", "");
  const auto word = rc::gen::oneOf(known, rc::gen::arbitrary<std::string>());
  const auto words = rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(word));
  const auto commands = *rc::gen::container<std::vector<std::vector<std::string>>>(words);
  std::string wire;
  for (const auto& command : commands) wire += encode(command);
  const auto seen = read(wire, *rc::gen::inRange<std::size_t>(1, 60));
  RC_ASSERT(seen == read(wire, wire.size() + 1));
  if (!seen.error.empty()) return;
  RC_ASSERT(seen.commands.size() == commands.size());
  for (std::size_t i = 0; i < commands.size(); ++i) {
    RC_ASSERT(seen.commands[i].arguments_count == commands[i].size());
    for (std::size_t j = 0; j < commands[i].size(); ++j) {
      RC_ASSERT(seen.commands[i].arguments[j].text == commands[i][j]);
    }
  }
}

}  // namespace
}  // namespace sluice::repl
