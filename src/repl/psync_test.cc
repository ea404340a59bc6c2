#include "repl/psync.h"

#include <gtest/gtest.h>
#include <string>

namespace sluice::repl {
namespace {

ReplId replid(char fill) {
  return *ReplId::parse(std::string(ReplId::kLength, fill));
}

PsyncRequest asks_from(ReplId id, std::uint64_t held) {
  return PsyncRequest{Position{id, Offset{held}}};
}

// A node promoted at offset 500 of stream `a`, now 900 bytes into stream `b`, 700 of them held.
class PsyncAfterFailover : public testing::Test {
 protected:
  const History history_{.id = replid('b'),
                         .held = {Offset{200}, Offset{900}},
                         .inherited = {Position{replid('a'), Offset{500}}}};
};

TEST_F(PsyncAfterFailover, ContinuesAReplicaOfTheOldMasterThatStoppedBeforeTheSwitch) {
  const auto reply = answer(history_, asks_from(replid('a'), 500));
  ASSERT_TRUE(std::holds_alternative<Continue>(reply));
  EXPECT_EQ(std::get<Continue>(reply).from, (Position{replid('b'), Offset{500}}));
}

TEST_F(PsyncAfterFailover, ResyncsAReplicaThatReadPastTheSwitch) {
  const auto reply = answer(history_, asks_from(replid('a'), 501));
  ASSERT_TRUE(std::holds_alternative<FullResync>(reply));
  EXPECT_EQ(std::get<FullResync>(reply).reason, FullResyncReason::kUnknownHistory);
}

TEST_F(PsyncAfterFailover, ServesBothEdgesOfTheWindowAndNothingBeyond) {
  const auto continues_from = [this](std::uint64_t held) {
    return std::holds_alternative<Continue>(answer(history_, asks_from(replid('b'), held)));
  };
  EXPECT_FALSE(continues_from(199));
  EXPECT_TRUE(continues_from(200));
  EXPECT_TRUE(continues_from(900));
  EXPECT_FALSE(continues_from(901));
}

TEST(Psync, CountsBytesHeldWhereTheWireNamesTheNextByte) {
  const auto request = parse_psync(replid('a').text(), "501");
  EXPECT_EQ(request->from, (Position{replid('a'), Offset{500}}));
}

TEST(Psync, RefusesOffsetsThatAreNotPositiveNumbers) {
  for (const auto* text : {"0", "-1", "", "7x", "99999999999999999999"}) {
    EXPECT_FALSE(parse_psync(replid('a').text(), text)) << text;
  }
}

TEST(Psync, ResyncsAReplicaThatHoldsNothing) {
  EXPECT_TRUE(std::holds_alternative<FullResync>(answer(History{}, PsyncRequest{})));
}

}  // namespace
}  // namespace sluice::repl
