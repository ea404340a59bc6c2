// A folder written by an earlier release stays readable. tests/golden/replog/1 holds one of format 1;
// SLUICE_WRITE_GOLDEN=1 writes it anew, which only a new format may need.
#include <cstdlib>
#include <gtest/gtest.h>

#include "replog/archive_view.h"
#include "replog/archive_world_test.h"
#include "replog/command_log.h"
#include "replog/verify.h"
#include "rt/posix_file.h"

namespace sluice::replog {
namespace {

using repl::Offset;
using repl::Position;

constexpr const char* kGolden = "tests/golden/replog/1";
const Position kStart{replid('a'), Offset{1000}};

void copy(rt::Directory& from, rt::Directory& to) {
  const auto names = *from.list();
  for (const auto& name : names) {
    if (name == "LOCK") continue;
    if (name.starts_with("l00")) {
      copy(**from.folder(name), **to.folder(name));
      continue;
    }
    const auto file = *from.open(name, rt::OpenMode::kRead);
    std::string bytes(*file->size(), '\0');
    CHECK(file->read_at(0, bytes));
    CHECK((*to.open(name, rt::OpenMode::kCreateEmpty))->write_at(0, bytes));
  }
}

// Two segments, two replids, a snapshot, diverged bytes.
void write_golden() {
  ArchiveWorld keeper(1);
  keeper.options.segment_bytes = {2000};
  CHECK(keeper.open_with_snapshot(kStart, "REDIS0011 not really"));
  for (std::uint64_t n = 0; n < 60; n += 6) {
    CHECK(keeper.run(keeper.log().append(commands(n, 6))));
    keeper.world.run_for(std::chrono::milliseconds(700));
  }
  const auto at = keeper.log().known_mark().offset;
  CHECK(keeper.run(keeper.log().append(commands(900, 3))));
  CHECK(keeper.run(keeper.log().switch_history(replid('b'), at)));
  CHECK(keeper.run(keeper.log().append(commands(60, 10))));
  const auto folder = *keeper.machine().host()->directory("/keeper");
  keeper.stop();
  copy(*folder, **rt::PosixDirectory::open_path(kGolden));
}

TEST(GoldenLog, OfFormatOneStaysReadable) {
  if (std::getenv("SLUICE_WRITE_GOLDEN") != nullptr) write_golden();
  const auto folder = rt::PosixDirectory::open_path(kGolden);
  ASSERT_TRUE(folder);
  const auto archive = ArchiveView::open(**folder);
  ASSERT_TRUE(archive) << archive.error().detail;
  const auto view = archive->lineage("");
  ASSERT_TRUE(view) << view.error().detail;
  const auto& found = view->found;
  EXPECT_EQ(found.note, "");
  ASSERT_EQ(found.file.origins.size(), 2U);
  EXPECT_EQ(found.file.origins[1].id, replid('b'));
  ASSERT_EQ(found.file.snapshots.size(), 1U);
  EXPECT_EQ(found.file.snapshots[0].keys, 7U);
  EXPECT_GE(found.extent.segments.size(), 2U);

  const std::string expected = commands(0, 70);
  EXPECT_EQ(found.extent.end(), kStart.offset + expected.size());
  StreamWalk walk = view->walk(kStart.offset);
  std::string bytes;
  for (auto block = walk.next(); block && *block; block = walk.next()) bytes += (*block)->bytes;
  EXPECT_EQ(bytes, expected);
  const auto verdict = verify(**folder);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->damage.empty());
}

}  // namespace
}  // namespace sluice::replog
