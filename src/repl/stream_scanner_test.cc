#include "repl/stream_scanner.h"

#include <gtest/gtest.h>
#include <initializer_list>
#include <string>

namespace sluice::repl {
namespace {

std::string command(std::initializer_list<std::string_view> arguments) {
  std::string wire = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const auto argument : arguments) {
    wire += "$" + std::to_string(argument.size()) + "\r\n" + std::string(argument) + "\r\n";
  }
  return wire;
}

constexpr std::uint64_t kStart = 5'000'000'000'000;

class StreamScannerAt : public testing::Test {
 protected:
  StreamScanner scanner{Mark{Offset{kStart}, 3}};

  // Returns the offset where what was fed ends.
  Offset feed(const std::string& wire) {
    EXPECT_TRUE(scanner.feed(wire));
    return scanner.end();
  }
};

TEST_F(StreamScannerAt, StartsAtItsMark) {
  EXPECT_EQ(scanner.boundary(), (Mark{Offset{kStart}, 3}));
  EXPECT_EQ(scanner.end(), Offset{kStart});
}

TEST_F(StreamScannerAt, PutsABoundaryAfterEachCommand) {
  const auto set = command({"SET", "key", "value"});
  feed(set);
  const auto end = feed(set);
  EXPECT_EQ(end, Offset{kStart} + 2 * set.size());
  EXPECT_EQ(scanner.boundary(), (Mark{end, 3}));
  EXPECT_EQ(scanner.commands(), 2U);
}

TEST_F(StreamScannerAt, KeepsTheBoundaryBeforeACommandThatIsNotWhole) {
  const auto first = feed(command({"SET", "key", "value"}));
  const auto end = feed(command({"SET", "key", "value"}).substr(0, 30));
  EXPECT_EQ(end, first + 30);
  EXPECT_EQ(scanner.boundary(), (Mark{first, 3}));
}

TEST_F(StreamScannerAt, CountsATransactionAsOne) {
  const auto before = feed(command({"INCR", "a"}));
  feed(command({"MULTI"}) + command({"SET", "a", "1"}) + command({"SET", "b", "2"}));
  EXPECT_EQ(scanner.boundary().offset, before);
  const auto after = feed(command({"EXEC"}));
  EXPECT_EQ(scanner.boundary().offset, after);
}

TEST_F(StreamScannerAt, FollowsTheSelectedDatabase) {
  const auto end = feed(command({"SELECT", "11"}) + command({"SET", "a", "1"}));
  EXPECT_EQ(scanner.boundary(), (Mark{end, 11}));
}

TEST_F(StreamScannerAt, LearnsOfASelectInATransactionAtItsEnd) {
  feed(command({"MULTI"}) + command({"SELECT", "7"}) + command({"SET", "a", "1"}));
  EXPECT_EQ(scanner.boundary(), (Mark{Offset{kStart}, 3}));
  const auto end = feed(command({"EXEC"}));
  EXPECT_EQ(scanner.boundary(), (Mark{end, 7}));
}

TEST_F(StreamScannerAt, ForgetsASelectInADiscardedTransaction) {
  const auto end = feed(command({"MULTI"}) + command({"SELECT", "7"}) + command({"DISCARD"}));
  EXPECT_EQ(scanner.boundary(), (Mark{end, 3}));
}

TEST_F(StreamScannerAt, TakesNamesInAnyCase) {
  feed(command({"multi"}) + command({"sElEcT", "1"}) + command({"zadd", "z", "1", "m"}));
  EXPECT_EQ(scanner.boundary().offset, Offset{kStart});
  const auto end = feed(command({"Exec"}));
  EXPECT_EQ(scanner.boundary(), (Mark{end, 1}));
}

TEST_F(StreamScannerAt, TakesWrongNumbersOfArgumentsForOtherCommands) {
  const auto end = feed(command({"MULTI", "x"}) + command({"SELECT", "1", "2"}));
  EXPECT_EQ(scanner.boundary(), (Mark{end, 3}));
}

TEST_F(StreamScannerAt, PassesOverBareNewlines) {
  const auto end = feed("\n\r\n" + command({"PING"}) + "\n");
  EXPECT_EQ(scanner.boundary(), (Mark{end, 3}));
  EXPECT_EQ(scanner.commands(), 1U);
}

TEST_F(StreamScannerAt, SkipsAValueLargerThanAnyBuffer) {
  feed("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000000000\r\n");
  const std::string piece(50'000'000, '*');
  for (int i = 0; i < 100; ++i) feed(piece);
  const auto end = feed("\r\n");
  EXPECT_EQ(scanner.boundary().offset, end);
}

TEST_F(StreamScannerAt, RefusesWhatAMasterDoesNotSend) {
  for (const std::string bad :
       {"SET a b\r\n", "*x\r\n", "*0\r\n", "*-1\r\n", "*01\r\n", "*1\r\n:1\r\n", "*1\r\n$-1\r\n",
        "*1\r\n$03\r\nabc\r\n", "*1\r\n$3\r\nabcd\r\n", "*1\r\n$3\nabc\r\n", "*99999999999\r\n",
        "*1\r\n$99999999999999999999999\r\n", "*\r\n", "*1\r\n$\r\n",
        "*2\r\n$6\r\nSELECT\r\n$1\r\nx\r\n"}) {
    StreamScanner fresh(Mark{});
    const auto wire = command({"SET", "key", "a value that is long enough for the fast way"});
    EXPECT_FALSE(fresh.feed(wire + bad + wire)) << bad;
  }
}

TEST_F(StreamScannerAt, NamesTheOffsetAndStandsWhereItStood) {
  const auto end = feed(command({"SET", "key", "value"}));
  const auto fed = scanner.feed(command({"PING"}) + "*1\r\n?");
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::kProtocol);
  EXPECT_EQ(fed.error().detail, "offset " + std::to_string(end.bytes() + 18) + ": expected '$'");
  EXPECT_EQ(scanner.end(), end);
  EXPECT_EQ(scanner.boundary().offset, end);
}

}  // namespace
}  // namespace sluice::repl
