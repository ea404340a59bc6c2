// One log: appends that take what comes meanwhile, and marks of what was not followed as it came.
#include "replog/log_world_test.h"

namespace sluice::replog {
namespace {

using repl::Mark;
using repl::Offset;

// Whatever part of the stream was followed as it came.
class LogSimFollowing : public LogSim, public ::testing::WithParamInterface<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Rates, LogSimFollowing, ::testing::Values(0, 700, 1 << 20));

TEST_P(LogSimFollowing, FindsEveryMark) {
  open({.segment_bytes = {2000}, .followed_per_second = {GetParam()}});
  const auto more = commands(0, 200);
  for (std::size_t at = 0; at < more.size(); at += 270) {
    append(std::string_view(more).substr(at, 270));
    keeper.world.run_for(std::chrono::milliseconds(at % 3 * 100));
    if (at % 50 == 0) {
      ASSERT_TRUE(keeper.run(log().last_mark()));
    }
  }
  repl::StreamScanner scanner(Mark{kStart.offset, 0});
  for (std::size_t at = 0; at <= more.size(); ++at) {
    if (at % 37 == 0 || at == more.size()) {
      const auto mark = keeper.run(log().mark_at(kStart.offset + at));
      ASSERT_TRUE(mark) << mark.error().detail;
      ASSERT_EQ(*mark, scanner.boundary()) << at;
    }
    if (at < more.size()) {
      ASSERT_TRUE(scanner.feed(std::string_view(more).substr(at, 1)));
    }
  }
  EXPECT_EQ(keeper.run(log().mark_at(kStart.offset + more.size() + 1)).error().code,
            Errc::kNotFound);
  EXPECT_EQ(keeper.run(log().mark_at(Offset{999})).error().code, Errc::kNotFound);
}

TEST_F(LogSim, FollowsWhatCameTooFastOnceSomebodyAsks) {
  open({.segment_bytes = {3000}, .followed_per_second = {1000}});
  append(commands(0, 10));
  const Mark before = log().known_mark();
  EXPECT_EQ(before.offset, log().end());
  append_in_parts(commands(10, 200), 900);
  append(command({"SET", "half", "value"}).substr(0, 20));
  const Offset end = kStart.offset + (stream.size() - 20);
  EXPECT_LT(log().known_mark().offset, end);
  EXPECT_EQ(keeper.run(log().last_mark())->offset, end);
  EXPECT_EQ(log().known_mark().offset, end);
  keeper.world.run_for(std::chrono::seconds(1));
  append(command({"SET", "half", "value"}).substr(20));
  EXPECT_EQ(log().known_mark().offset, log().end());
}

TEST_F(LogSim, SaysThatWhatItDidNotFollowIsNoStream) {
  open({.followed_per_second = {0}});
  append(commands(0, 3));
  const Offset sound = log().end();
  append("hello\r\n");
  EXPECT_EQ(keeper.run(log().last_mark()).error().code, Errc::kProtocol);
  EXPECT_LE(log().known_mark().offset, sound);
  reopen();
  EXPECT_EQ(all(), stream);
}

// The index is told of a mark by the next append only.
TEST_F(LogSim, StartsFromItsSnapshotIfRetentionTookTheMarksThatTheIndexKnows) {
  open({.segment_bytes = {1000}, .followed_per_second = {0}});
  append_in_parts(commands(0, 200), 500);
  const auto mark = keeper.run(log().last_mark());
  ASSERT_TRUE(mark);
  auto writer = keeper.run(log().write_snapshot({replid('a'), mark->offset}));
  ASSERT_TRUE(writer && keeper.run((*writer)->append("newer")));
  ASSERT_TRUE(keeper.run((*writer)->commit(mark->db, 1)));
  const Retention none{.bytes = {0}, .age = std::chrono::hours(1), .snapshots = 1};
  ASSERT_TRUE(keeper.run(keeper.archive->enforce(none)));
  EXPECT_GT(log().begin(), kStart.offset);
  reopen();
  EXPECT_EQ(log().known_mark(), *mark);
  append(commands(200, 3));
  EXPECT_EQ(keeper.run(log().last_mark())->offset, log().end());
}

// What an append is given while it is under way.
class Pieces : public ByteSource {
 public:
  explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  std::string_view more() override {
    return given_ < pieces_.size() ? std::string_view(pieces_[given_++]) : std::string_view{};
  }
  std::size_t given() const { return given_; }

 private:
  std::vector<std::string> pieces_;
  std::size_t given_ = 0;
};

TEST_F(LogSim, TakesWhatComesWhileItWrites) {
  open();
  Pieces pieces({commands(1, 2), commands(3, 4), "", commands(7, 1)});
  ASSERT_TRUE(keeper.run(log().append(commands(0, 1), &pieces)));
  EXPECT_EQ(pieces.given(), 3U);
  stream = commands(0, 7);
  EXPECT_EQ(all(), stream);
  EXPECT_EQ(log().known_mark().offset, log().end());
  reopen();
  EXPECT_EQ(all(), stream);
}

TEST_F(LogSim, AsksForNothingBeyondItsSegment) {
  open({.segment_bytes = {100}});
  Pieces pieces({commands(1, 2), commands(3, 2), commands(5, 2)});
  ASSERT_TRUE(keeper.run(log().append(commands(0, 1), &pieces)));
  EXPECT_EQ(pieces.given(), 1U);
}

TEST_F(LogSim, KeepsThePiecesBeforeTheOneThatFails) {
  open();
  Pieces foreign({commands(1, 2), "hello\r\n", commands(3, 1)});
  EXPECT_EQ(keeper.run(log().append(commands(0, 1), &foreign)).error().code, Errc::kProtocol);
  EXPECT_EQ(foreign.given(), 2U);
  stream = commands(0, 3);
  EXPECT_EQ(all(), stream);

  disk().set_capacity(disk().used() + 600);
  Pieces large({commands(4, 2), commands(6, 100)});
  EXPECT_EQ(keeper.run(log().append(commands(3, 1), &large)).error().code, Errc::kNoSpace);
  EXPECT_EQ(large.given(), 2U);
  disk().set_capacity(~std::uint64_t{0});
  append(commands(6, 100));
  stream = commands(0, 106);
  EXPECT_EQ(all(), stream);
  reopen();
  EXPECT_EQ(all(), stream);
}

}  // namespace
}  // namespace sluice::replog
