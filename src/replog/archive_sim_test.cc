#include <gtest/gtest.h>

#include "replog/archive_view.h"
#include "replog/archive_world_test.h"
#include "replog/command_log.h"
#include "replog/file_names.h"
#include "replog/verify.h"

namespace sluice::replog {
namespace {

using repl::Offset;
using repl::Position;

const Position kStart{replid('a'), Offset{1000}};

class ArchiveSim : public ::testing::Test {
 protected:
  ArchiveWorld keeper{1};
};

TEST_F(ArchiveSim, ServesWhatWasAppendedAlsoAfterItIsOpenedAgain) {
  ASSERT_TRUE(keeper.open_with_snapshot(kStart, "REDIS0011snapshot"));
  const std::string stream = commands(0, 500);
  for (std::size_t at = 0; at < stream.size(); at += 1000) {
    ASSERT_TRUE(keeper.run(keeper.log().append(std::string_view(stream).substr(at, 1000))));
  }
  const Offset end = kStart.offset + stream.size();
  EXPECT_EQ(keeper.log().end(), end);
  EXPECT_EQ(keeper.log().durable(), kStart.offset);
  ASSERT_TRUE(keeper.run(keeper.log().sync()));
  EXPECT_EQ(keeper.log().durable(), end);
  EXPECT_EQ(keeper.read(kStart.offset, end), stream);
  const auto boundary = keeper.log().known_mark();

  keeper.stop();
  ASSERT_TRUE(keeper.open());
  EXPECT_EQ(keeper.archive->recovery().note, "");
  EXPECT_EQ(keeper.log().end(), end);
  EXPECT_EQ(keeper.log().durable(), end);
  EXPECT_EQ(keeper.log().known_mark(), boundary);
  EXPECT_EQ(keeper.read(kStart.offset, end), stream);
  EXPECT_EQ(keeper.read(kStart.offset + 777, end), stream.substr(777));
  ASSERT_EQ(keeper.log().snapshots().size(), 1U);
  EXPECT_EQ(keeper.read_snapshot(keeper.log().snapshots()[0]), "REDIS0011snapshot");
}

const Position kNewer{replid('b'), Offset{50}};

class ArchiveWithAnIncoming : public ArchiveSim {
 protected:
  void SetUp() override {
    ASSERT_TRUE(keeper.open_with_snapshot(kStart, "old snapshot"));
    ASSERT_TRUE(keeper.run(keeper.log().append(commands(0, 10))));
    ASSERT_TRUE(keeper.run(keeper.archive->begin_incoming(kNewer)));
    ASSERT_TRUE(keeper.run(keeper.archive->incoming()->append(commands(5, 10))));
  }
  void complete() {
    auto writer = keeper.run(keeper.archive->incoming()->write_snapshot(kNewer));
    ASSERT_TRUE(writer && keeper.run((*writer)->append("new snapshot")));
    ASSERT_TRUE(keeper.run((*writer)->commit(0, 3)));
  }
  void reopen() {
    keeper.stop();
    const auto opened = keeper.open();
    ASSERT_TRUE(opened) << opened.error().detail;
  }
  std::vector<std::string> folders() {
    std::vector<std::string> found;
    const auto folder = *keeper.machine().host()->directory("/keeper");
    const auto names = *folder->list();
    for (const auto& name : names) {
      if (name.starts_with("l")) found.push_back(name);
    }
    return found;
  }
};

TEST_F(ArchiveSim, StartsEmptyWithAnIdThatStays) {
  ASSERT_TRUE(keeper.open());
  EXPECT_EQ(keeper.archive->active(), nullptr);
  EXPECT_EQ(keeper.archive->incoming(), nullptr);
  const std::string id(keeper.archive->keeper_id());
  EXPECT_TRUE(repl::ReplId::parse(id));
  keeper.stop();
  ASSERT_TRUE(keeper.open());
  EXPECT_EQ(keeper.archive->keeper_id(), id);
}

// A full disk, say: its number is given again, and what it left there must not pass for the next one's.
TEST_F(ArchiveSim, BeginsALineageInAnEmptyFolderWhateverAFailedAttemptLeftThere) {
  ASSERT_TRUE(keeper.open());
  const auto top = *keeper.machine().host()->directory("/keeper");
  const auto left = *top->folder(lineage_name(1));
  for (const std::uint64_t later : {1'000'000, 2'000'000}) {
    ASSERT_TRUE(left->open(segment_name(kStart.offset + later), rt::OpenMode::kCreateEmpty));
  }
  ASSERT_TRUE(keeper.run(keeper.load(kStart, "REDIS0011snapshot")));
  ASSERT_TRUE(keeper.run(keeper.log().append(commands(0, 10))));
  ASSERT_TRUE(keeper.run(keeper.log().sync()));
  keeper.stop();
  const auto opened = keeper.open();
  ASSERT_TRUE(opened) << opened.error().detail;
}

TEST_F(ArchiveSim, RefusesASecondKeeperOnTheFolder) {
  ASSERT_TRUE(keeper.open());
  const auto second = Archive::open(*keeper.machine().host(), "/keeper", {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kBusy);
}

TEST_F(ArchiveSim, RefusesAFolderWhoseArchiveFileIsGone) {
  ASSERT_TRUE(keeper.open_with_snapshot(kStart, "x"));
  keeper.stop();
  const auto folder = *keeper.machine().host()->directory("/keeper");
  ASSERT_TRUE(folder->remove("archive.json"));
  const auto opened = keeper.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kCorrupt);
}

TEST_F(ArchiveWithAnIncoming, KeepsTheActiveOneUntouchedMeanwhile) {
  EXPECT_EQ(keeper.log().history().id, kStart.id);
  EXPECT_EQ(keeper.log().end(), kStart.offset + commands(0, 10).size());
  EXPECT_EQ(keeper.archive->incoming()->end(), kNewer.offset + commands(5, 10).size());
}

TEST_F(ArchiveWithAnIncoming, DropsItWhenItIsOpenedBeforeItWasComplete) {
  reopen();
  EXPECT_EQ(keeper.archive->incoming(), nullptr);
  EXPECT_EQ(keeper.log().history().id, kStart.id);
  EXPECT_EQ(folders(), (std::vector<std::string>{"l0000000001"}));
}

TEST_F(ArchiveWithAnIncoming, DoesNotPromoteItWithoutASnapshot) {
  EXPECT_EQ(keeper.run(keeper.archive->promote_incoming()).error().code, Errc::kRejected);
}

TEST_F(ArchiveWithAnIncoming, RemembersAQuarantineWithItsStream) {
  complete();
  ASSERT_TRUE(keeper.run(keeper.archive->quarantine_incoming("it shrank to 3 keys")));
  ASSERT_TRUE(keeper.run(keeper.archive->incoming()->sync()));
  reopen();
  EXPECT_EQ(keeper.archive->quarantine_reason(), "it shrank to 3 keys");
  ASSERT_NE(keeper.archive->incoming(), nullptr);
  EXPECT_EQ(keeper.archive->incoming()->end(), kNewer.offset + commands(5, 10).size());
  ASSERT_TRUE(keeper.run(keeper.archive->promote_incoming()));
  EXPECT_EQ(keeper.archive->quarantine_reason(), std::nullopt);
  EXPECT_EQ(keeper.log().history().id, kNewer.id);
}

TEST_F(ArchiveWithAnIncoming, FailsReadersOfTheOldOneAndKeepsItForRestore) {
  complete();
  const auto reader = keeper.log().read_from(kStart.offset);
  ASSERT_TRUE(keeper.run(reader->next(10)));
  ASSERT_TRUE(keeper.run(keeper.archive->promote_incoming()));
  EXPECT_EQ(keeper.run(reader->next(10)).error().code, Errc::kNotFound);
  EXPECT_EQ(keeper.log().history().id, kNewer.id);
  EXPECT_EQ(keeper.read(kNewer.offset, keeper.log().end()), commands(5, 10));
  reopen();
  EXPECT_EQ(folders(), (std::vector<std::string>{"l0000000001", "l0000000002"}));
  EXPECT_EQ(keeper.log().history().id, kNewer.id);

  const auto folder = *keeper.machine().host()->directory("/keeper");
  const auto view = *ArchiveView::open(*folder);
  const auto retired = view.lineage("l0000000001");
  ASSERT_TRUE(retired);
  EXPECT_EQ(retired->ref.state, LineageState::kRetired);
  EXPECT_EQ(retired->found.extent.end(), kStart.offset + commands(0, 10).size());

  const Retention small{.bytes = {300}, .age = std::chrono::hours(1), .snapshots = 1};
  ASSERT_TRUE(keeper.run(keeper.archive->enforce(small)));
  EXPECT_EQ(folders(), (std::vector<std::string>{"l0000000002"}));
  reopen();
}

TEST_F(ArchiveWithAnIncoming, ReplacesItByAnother) {
  const Position third{replid('c'), Offset{0}};
  ASSERT_TRUE(keeper.run(keeper.archive->begin_incoming(third)));
  EXPECT_EQ(keeper.archive->incoming()->history().id, third.id);
  EXPECT_EQ(folders(), (std::vector<std::string>{"l0000000001", "l0000000003"}));
}

TEST_F(ArchiveWithAnIncoming, IsFoundSoundWhileTheKeeperRuns) {
  const auto folder = *keeper.machine().host()->directory("/keeper");
  const auto verdict = verify(*folder);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->damage.size(), 0U);
  EXPECT_GT(verdict->blocks, 0U);
  const auto* const snapshot = "keeper/l0000000001/00000000000000001000-1.rdb";
  ASSERT_TRUE(keeper.machine().disk().flip_bit(snapshot, 5, 1));
  const auto damaged = verify(*folder);
  ASSERT_TRUE(damaged);
  ASSERT_GE(damaged->damage.size(), 1U);
  EXPECT_EQ(damaged->damage[0].file, "l0000000001/00000000000000001000-1.rdb");
}

TEST_F(ArchiveWithAnIncoming, ReadsItsStreamBackAsCommands) {
  const auto folder = *keeper.machine().host()->directory("/keeper");
  const auto view = *ArchiveView::open(*folder)->lineage("");
  CommandLog log(view, *view.mark_at(kStart.offset));
  std::string again;
  for (;;) {
    const auto command_read = log.next();
    ASSERT_TRUE(command_read) << command_read.error().detail;
    if (!*command_read) break;
    EXPECT_EQ((*command_read)->offset, kStart.offset + again.size());
    std::vector<std::string> words((*command_read)->arguments.begin(),
                                   (*command_read)->arguments.end());
    again += command(words);
  }
  EXPECT_EQ(again, commands(0, 10));
}

}  // namespace
}  // namespace sluice::replog
