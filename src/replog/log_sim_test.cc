// One log: appends, syncs, readers, history, snapshots, retention and disk faults, in simulation.
#include "replog/log_world_test.h"

namespace sluice::replog {
namespace {

using repl::Mark;
using repl::Offset;
using repl::Position;

TEST_F(LogSim, RefusesBytesThatAreNoStreamAndTakesNothingOfThem) {
  open();
  append(commands(0, 3));
  const auto refused = keeper.run(log().append(commands(3, 1) + "hello\r\n"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kProtocol);
  EXPECT_EQ(log().end(), kStart.offset + stream.size());
  append(commands(3, 1));
  EXPECT_EQ(all(), stream);
}

TEST_F(LogSim, RollsSegmentsAndReadsAcrossThem) {
  open({.segment_bytes = {3000}, .fsync = Fsync::kEverySec});
  append_in_parts(commands(0, 1000), 700);
  EXPECT_EQ(all(), stream);
  EXPECT_EQ(keeper.read(kStart.offset + 12'345, log().end()), stream.substr(12'345));
  reopen();
  EXPECT_EQ(all(), stream);
}

TEST_F(LogSim, IsDurableUponReturnUnderAlways) {
  open({.segment_bytes = {3000}, .fsync = Fsync::kAlways});
  append_in_parts(commands(0, 100), 150);
  EXPECT_EQ(log().durable(), log().end());
  keeper.crash(sim::Crash::kPower);
  ASSERT_TRUE(keeper.open());
  EXPECT_EQ(log().end(), kStart.offset + stream.size());
  EXPECT_EQ(all(), stream);
}

TEST_F(LogSim, AcknowledgesWhatTheKernelHasUnderOs) {
  open({.segment_bytes = {1 << 20}, .fsync = Fsync::kOs});
  append(commands(0, 10));
  EXPECT_EQ(log().durable(), log().end());
  keeper.crash(sim::Crash::kProcess);
  ASSERT_TRUE(keeper.open());
  EXPECT_EQ(all(), stream);
}

rt::Task<Result<>> read_to(Reader& reader, Offset to, std::string& bytes) {
  while (reader.offset() < to) {
    CO_TRY(const auto chunk, co_await reader.next(1000));
    std::string part(chunk.count, '\0');
    CO_TRY(const auto count, chunk.file->read_at(chunk.at, part));
    CHECK(count == chunk.count);
    bytes += part;
    reader.advance(part.size());
  }
  co_return Result<>{};
}

rt::Task<void> into(rt::Task<Result<>> task, std::optional<Result<>>& outcome) {
  outcome = co_await std::move(task);
}

TEST_F(LogSim, WakesReadersWhenBytesCome) {
  open({.segment_bytes = {2000}, .fsync = Fsync::kEverySec});
  const auto more = commands(0, 300);
  const auto reader = log().read_from(kStart.offset);
  std::string bytes;
  std::optional<Result<>> outcome;
  keeper.world.spawn(into(read_to(*reader, kStart.offset + more.size(), bytes), outcome));
  append_in_parts(more, 333);
  keeper.world.run_for(std::chrono::seconds(10));
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ(bytes, more);
}

TEST_F(LogSim, CancelsAReaderThatWaits) {
  open();
  const auto reader = log().read_from(kStart.offset);
  std::string bytes;
  std::optional<Result<>> outcome;
  keeper.world.spawn(into(read_to(*reader, kStart.offset + 1, bytes), outcome));
  keeper.world.run_for(std::chrono::seconds(1));
  EXPECT_FALSE(outcome);
  reader->cancel();
  keeper.world.run_for(std::chrono::seconds(1));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error().code, Errc::kCancelled);
}

TEST_F(LogSim, FindsTheMarkOfATimeAndNeverAYoungerOne) {
  open({.segment_bytes = {1500}, .fsync = Fsync::kEverySec});
  struct Point {
    std::int64_t wall_ms;
    Mark boundary;
  };
  std::vector<Point> points{{keeper.machine().wall_ms(), log().known_mark()}};
  for (int i = 0; i < 60; ++i) {
    keeper.world.run_for(std::chrono::seconds(1));
    append(commands(static_cast<std::uint64_t>(i) * 10, 10));
    points.push_back({keeper.machine().wall_ms(), log().known_mark()});
  }
  for (const bool is_reopened : {false, true}) {
    if (is_reopened) reopen();
    for (const Point& each : points) {
      const auto mark = keeper.run(log().mark_at_time(each.wall_ms));
      ASSERT_TRUE(mark) << mark.error().detail;
      EXPECT_EQ(*mark, each.boundary);
    }
  }
}

TEST_F(LogSim, SwitchesHistoryAtItsEndAndRemembersAllNames) {
  open();
  append(commands(0, 10));
  const Offset at = log().end();
  ASSERT_TRUE(keeper.run(log().switch_history(replid('b'), at)));
  append(commands(10, 10));
  for (const bool is_reopened : {false, true}) {
    if (is_reopened) reopen();
    EXPECT_EQ(log().history().id, replid('b'));
    ASSERT_EQ(log().history().inherited.size(), 1U);
    EXPECT_EQ(log().history().inherited[0], (Position{replid('a'), at}));
    EXPECT_EQ(all(), stream);
  }
}

TEST_F(LogSim, SwitchesHistoryBehindItsEndAndKeepsTheDivergedBytesBeside) {
  open({.segment_bytes = {1000}, .fsync = Fsync::kEverySec});
  append_in_parts(commands(0, 50), 300);
  const Mark at = log().known_mark();
  const std::string kept = stream.substr(0, at.offset - kStart.offset);
  append_in_parts(commands(50, 100), 300);
  const std::string diverged = stream.substr(kept.size());

  const auto ahead = log().read_from(at.offset + 50);
  const auto behind = log().read_from(at.offset);
  ASSERT_TRUE(keeper.run(log().switch_history(replid('b'), at.offset)));
  EXPECT_EQ(log().end(), at.offset);
  EXPECT_EQ(log().known_mark(), at);
  std::string bytes;
  EXPECT_EQ(keeper.run(read_to(*ahead, at.offset + 60, bytes)).error().code, Errc::kNotFound);

  stream = kept;
  append_in_parts(commands(500, 100), 300);
  EXPECT_EQ(all(), stream);
  ASSERT_TRUE(keeper.run(read_to(*behind, log().end(), bytes)));
  EXPECT_EQ(bytes, stream.substr(kept.size()));
  const std::string name = "keeper/l0000000001/diverged-" + std::string(replid('a').text()) + "-" +
                           std::string(20 - std::to_string(at.offset.bytes()).size(), '0') +
                           std::to_string(at.offset.bytes());
  EXPECT_EQ(disk().read(name), diverged);
  reopen();
  EXPECT_EQ(all(), stream);
  EXPECT_EQ(log().history().id, replid('b'));
}

TEST_F(LogSim, ContinuesAReplicaThatReceivedMoreOfTheFormerStreamThanWeDid) {
  open();
  append(commands(0, 10));
  const Offset at = log().end();
  ASSERT_TRUE(keeper.run(log().switch_history(replid('b'), at, at + 100)));
  for (const bool is_reopened : {false, true}) {
    if (is_reopened) reopen();
    EXPECT_EQ(log().history().inherited, (std::vector{Position{replid('a'), at + 100}}));
  }
}

TEST_F(LogSim, RefusesToSwitchHistoryBehindItsOnlySnapshot) {
  open();
  const Offset start = log().end();
  append(commands(0, 10));
  const Position at{replid('a'), log().end()};
  auto writer = keeper.run(log().write_snapshot(at));
  ASSERT_TRUE(writer && keeper.run((*writer)->append("newer snapshot")));
  ASSERT_TRUE(keeper.run((*writer)->commit(0, 1)));
  ASSERT_TRUE(keeper.run(keeper.archive->enforce(Retention{.snapshots = 1})));
  ASSERT_EQ(log().snapshots().size(), 1U);
  EXPECT_EQ(keeper.run(log().switch_history(replid('b'), start)).error().code, Errc::kRejected);
  EXPECT_EQ(log().history().id, replid('a'));
  EXPECT_TRUE(keeper.run(log().switch_history(replid('b'), at.offset)));
}

rt::Task<void> switch_history(Log& log, Position to, std::optional<Result<>>& outcome) {
  outcome = co_await log.switch_history(to.id, to.offset);
}

TEST_F(LogSim, KeepsTheSnapshotThatASwitchOfHistoryLeavesThoughRetentionHadChosenIt) {
  open();
  append(commands(0, 10));
  const Position parted{replid('b'), log().end()};
  append(commands(10, 10));
  const Position at{replid('a'), log().end()};
  auto writer = keeper.run(log().write_snapshot(at));
  ASSERT_TRUE(writer && keeper.run((*writer)->append("newer snapshot")));
  ASSERT_TRUE(keeper.run((*writer)->commit(0, 1)));
  std::optional<Result<>> switched;
  keeper.world.spawn(switch_history(log(), parted, switched));
  ASSERT_TRUE(keeper.run(keeper.archive->enforce(Retention{.snapshots = 1})));
  ASSERT_TRUE(switched && *switched);
  ASSERT_EQ(log().snapshots().size(), 1U);
  EXPECT_EQ(keeper.read_snapshot(log().snapshots()[0]), "snapshot");
}

TEST_F(LogSim, DoesNotTakeASnapshotForLostBecauseTheDiskFailsToReadIt) {
  open();
  append(commands(0, 10));
  keeper.stop();
  for (std::uint64_t nth = 1;; ++nth) {
    ASSERT_LT(nth, 100U);
    disk().fail_nth(sim::DiskOp::kRead, nth);
    const auto opened = keeper.open();
    disk().fail_nth(sim::DiskOp::kRead, 0);
    if (!opened) continue;
    EXPECT_EQ(log().snapshots().size(), 1U) << "read " << nth;
    keeper.stop();
    if (nth > 30) return;
  }
}

TEST_F(LogSim, RefusesASnapshotOfAStreamThatPartedBeforeIt) {
  open();
  append(commands(0, 10));
  const Position ahead{replid('a'), log().end() + 50};
  auto writer = keeper.run(log().write_snapshot(ahead));
  ASSERT_TRUE(writer && keeper.run((*writer)->append("of another stream")));
  ASSERT_TRUE(keeper.run(log().switch_history(replid('b'), log().end())));
  append(commands(10, 10));
  ASSERT_GT(log().end(), ahead.offset);
  EXPECT_EQ(keeper.run((*writer)->commit(0, 1)).error().code, Errc::kNotFound);
  EXPECT_EQ(log().snapshots().size(), 1U);
}

TEST_F(LogSim, RefusesToSwitchHistoryOutsideOfTheLog) {
  open();
  append(commands(0, 10));
  EXPECT_EQ(keeper.run(log().switch_history(replid('b'), log().end() + 1)).error().code,
            Errc::kRejected);
  EXPECT_EQ(keeper.run(log().switch_history(replid('b'), Offset{999})).error().code,
            Errc::kRejected);
}

TEST_F(LogSim, TakesBytesAgainOnceThereIsRoom) {
  open();
  append(commands(0, 20));
  disk().set_capacity(disk().used() + 100);
  const auto more = commands(20, 50);
  const auto full = keeper.run(log().append(more));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::kNoSpace);
  EXPECT_FALSE(log().failed());
  EXPECT_EQ(log().end(), kStart.offset + stream.size());
  EXPECT_EQ(all(), stream);
  disk().set_capacity(1 << 30);
  append(more);
  EXPECT_EQ(all(), stream);
  reopen();
  EXPECT_EQ(all(), stream);
}

// How much room a cut needs at which of its steps is its own affair: every amount is tried.
TEST_F(LogSim, GoesOnWithADecidedCutOnceThereIsRoom) {
  for (std::uint64_t room = 0; room < 4000; room += 40) {
    ArchiveWorld other{1};
    ASSERT_TRUE(other.open_with_snapshot(kStart, "snapshot"));
    const auto bytes = commands(0, 20);
    ASSERT_TRUE(other.run(other.log().append(bytes)));
    const auto cut = other.run(other.log().mark_at(kStart.offset + bytes.size() / 2));
    ASSERT_TRUE(cut);
    auto& full = other.machine().disk();
    full.set_capacity(full.used() + room);
    other.world.spawn([](ArchiveWorld& in, sim::Disk& of) -> rt::Task<void> {
      co_await rt::sleep(*in.machine().host(), std::chrono::milliseconds(2500));
      of.set_capacity(1 << 30);
    }(other, full));
    const auto switched = other.run(other.log().switch_history(replid('b'), cut->offset));
    other.world.run_for(std::chrono::seconds(3));  // the task that makes room has ended by then
    EXPECT_FALSE(other.log().failed()) << room;
    if (!switched) {  // not decided: all is as it was
      EXPECT_EQ(switched.error().code, Errc::kNoSpace);
      EXPECT_EQ(other.log().history().id, replid('a')) << room;
      continue;
    }
    EXPECT_EQ(other.log().history().id, replid('b')) << room;
    EXPECT_EQ(other.log().end(), cut->offset) << room;
    EXPECT_TRUE(other.run(other.log().append(commands(50, 5)))) << room;
  }
}

TEST_F(LogSim, KeepsOnlyWhatIsDurableAfterAFailedSync) {
  open();
  append(commands(0, 20));
  ASSERT_TRUE(keeper.run(log().sync()));
  const std::string durable = stream;
  append(commands(20, 20));
  disk().fail_nth(sim::DiskOp::kSync, 1);
  EXPECT_EQ(keeper.run(log().sync()).error().code, Errc::kDiskFailed);
  EXPECT_TRUE(log().failed());
  EXPECT_EQ(keeper.run(log().sync()).error().code, Errc::kDiskFailed);
  EXPECT_EQ(keeper.run(log().append(commands(40, 1))).error().code, Errc::kDiskFailed);
  EXPECT_EQ(log().durable(), kStart.offset + durable.size());
  EXPECT_EQ(keeper.read(kStart.offset, log().durable()), durable);
  reopen();
  EXPECT_EQ(log().end(), kStart.offset + durable.size());
  EXPECT_EQ(all(), durable);
  EXPECT_NE(keeper.archive->recovery().bytes_cut, 0U);
  stream = durable;
  append(commands(20, 5));
  reopen();
  EXPECT_EQ(all(), stream);
}

TEST_F(LogSim, KeepsAcrossAPowerCutWhatAStartBeforeFailedToSync) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ArchiveWorld killed(seed);
    killed.options.segment_bytes = {2000};
    auto& its_disk = killed.machine().disk();
    ASSERT_TRUE(killed.open_with_snapshot(kStart, "snapshot"));
    const auto written = commands(0, 80);
    ASSERT_TRUE(killed.run(killed.log().append(written)));
    killed.crash(sim::Crash::kProcess);
    its_disk.fail_nth(sim::DiskOp::kSync, 1 + seed % 5);
    EXPECT_FALSE(killed.open());
    its_disk.fail_nth(sim::DiskOp::kSync, 0);
    ASSERT_TRUE(killed.open());
    killed.crash(sim::Crash::kPower);
    const auto opened = killed.open();
    ASSERT_TRUE(opened) << "seed " << seed << ": " << opened.error().detail;
    EXPECT_EQ(killed.read(kStart.offset, killed.log().end()), written) << "seed " << seed;
  }
}

TEST_F(LogSim, KeepsAcrossAPowerCutWhatBecameDurableAfterTheDiskWasMended) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ArchiveWorld mended(seed);
    ASSERT_TRUE(mended.open_with_snapshot(kStart, "snapshot"));
    mended.machine().disk().fail_nth(sim::DiskOp::kSync, 1);
    ASSERT_TRUE(mended.run(mended.log().append(commands(0, 20))));
    EXPECT_FALSE(mended.run(mended.log().sync()));
    mended.crash(sim::Crash::kPower);
    ASSERT_TRUE(mended.open());
    ASSERT_TRUE(mended.run(mended.log().append(commands(20, 20))));
    ASSERT_TRUE(mended.run(mended.log().sync()));
    const auto durable = mended.log().durable();
    mended.crash(sim::Crash::kPower);
    ASSERT_TRUE(mended.open());
    EXPECT_EQ(mended.log().end(), durable) << "seed " << seed;
  }
}

TEST_F(LogSim, TakesNothingMoreAfterAFailedWrite) {
  open();
  append(commands(0, 20));
  ASSERT_TRUE(keeper.run(log().sync()));
  disk().fail_nth(sim::DiskOp::kWrite, 1);
  EXPECT_EQ(keeper.run(log().append(commands(20, 1))).error().code, Errc::kDiskFailed);
  EXPECT_TRUE(log().failed());
  EXPECT_EQ(all(), stream);
  reopen();
  EXPECT_EQ(all(), stream);
}

TEST_F(LogSim, ServesNothingFromADamagedBlockOn) {
  open({.segment_bytes = {1 << 20}, .fsync = Fsync::kAlways});
  append_in_parts(commands(0, 3000), 4000);
  keeper.stop();
  const std::size_t damaged = 40'000;
  ASSERT_TRUE(disk().flip_bit("keeper/l0000000001/00000000000000001000.log", damaged, 3));
  ASSERT_TRUE(keeper.open());
  const auto served = all();
  EXPECT_LE(served.size(), damaged);
  EXPECT_GT(served.size(), damaged - 5000);
  EXPECT_EQ(served, stream.substr(0, served.size()));
  ASSERT_FALSE(keeper.read_error);
  EXPECT_EQ(keeper.read_error.error().code, Errc::kCorrupt);
  EXPECT_NE(keeper.read_error.error().detail.find("00000000000000001000.log"), std::string::npos);
  EXPECT_EQ(keeper.read(kStart.offset + 60'000, log().end()), stream.substr(60'000));
}

// What was durable is found beside entries of which a power cut left nothing.
TEST_F(LogSim, OpensThoughThereAreHolesInTheIndexPastWhatWasDurable) {
  open({.segment_bytes = {1 << 20}, .fsync = Fsync::kEverySec});
  Offset before_holes;
  for (int i = 0; i < 100; ++i) {
    if (i == 50) {
      ASSERT_TRUE(keeper.run(log().sync()));
    }
    if (i == 55) before_holes = log().end();
    append(command({"SET", "key", std::string(4000, 'x')}));
    keeper.world.run_for(std::chrono::milliseconds(300));
  }
  keeper.crash(sim::Crash::kProcess);
  keeper.machine().boot();
  const auto folder = keeper.machine().host()->directory("/keeper/l0000000001");
  const auto index = (*folder)->open("00000000000000001000.idx", rt::OpenMode::kReadWrite);
  ASSERT_TRUE(index);
  ASSERT_TRUE((*index)->write_at(55 * kEntryBytes, std::string(43 * kEntryBytes, '\0')));
  const auto opened = keeper.open();
  ASSERT_TRUE(opened) << opened.error().detail;
  EXPECT_EQ(log().end(), before_holes);
  stream.resize(before_holes - kStart.offset);
  EXPECT_EQ(all(), stream);
}

TEST_F(LogSim, FailsReadersWhoseBytesRetentionTook) {
  open({.segment_bytes = {1000}, .fsync = Fsync::kEverySec});
  append_in_parts(commands(0, 200), 500);
  const Position at{replid('a'), log().known_mark().offset};
  auto writer = keeper.run(log().write_snapshot(at));
  ASSERT_TRUE(writer && keeper.run((*writer)->append("newer")));
  ASSERT_TRUE(keeper.run((*writer)->commit(log().known_mark().db, 1)));
  const auto behind = log().read_from(kStart.offset);
  const Retention none{.bytes = {0}, .age = std::chrono::hours(1), .snapshots = 1};
  ASSERT_TRUE(keeper.run(keeper.archive->enforce(none)));
  EXPECT_GT(log().begin(), kStart.offset);
  EXPECT_LE(log().begin(), at.offset);
  ASSERT_EQ(log().snapshots().size(), 1U);
  std::string bytes;
  EXPECT_EQ(keeper.run(read_to(*behind, log().end(), bytes)).error().code, Errc::kNotFound);
  const auto left = [&] { return keeper.read(log().begin(), log().end()); };
  EXPECT_EQ(left(), stream.substr(log().begin() - kStart.offset));
  reopen();
  EXPECT_EQ(left(), stream.substr(log().begin() - kStart.offset));
  EXPECT_EQ(keeper.read_snapshot(log().snapshots()[0]), "newer");
}

TEST_F(LogSim, ForgetsASnapshotThatWasNotCommitted) {
  open();
  {
    auto writer = keeper.run(log().write_snapshot(kStart));
    ASSERT_TRUE(writer && keeper.run((*writer)->append("half of i")));
  }
  EXPECT_EQ(log().snapshots().size(), 1U);
  EXPECT_FALSE(disk().read("keeper/l0000000001/00000000000000001000-2.rdb"));
}

TEST_F(LogSim, StartsInTheDatabaseThatTheSnapshotLeftSelected) {
  ASSERT_TRUE(keeper.open());
  auto incoming = keeper.run(keeper.archive->begin_incoming(kStart));
  ASSERT_TRUE(incoming);
  auto writer = keeper.run((*incoming)->write_snapshot(kStart));
  ASSERT_TRUE(writer && keeper.run((*writer)->append("rdb")) &&
              keeper.run((*writer)->commit(5, 1)));
  EXPECT_EQ((*incoming)->known_mark(), (Mark{kStart.offset, 5}));
  ASSERT_TRUE(keeper.run(keeper.archive->promote_incoming()));
  append(command({"SET", "k", "v"}));
  EXPECT_EQ(log().known_mark().db, 5U);
  reopen();
  EXPECT_EQ(log().known_mark().db, 5U);
  EXPECT_EQ(keeper.run(log().mark_at(kStart.offset))->db, 5U);
}

}  // namespace
}  // namespace sluice::replog
