#include "rt/posix_file.h"

#include <algorithm>
#include <fstream>

#include "rt/core_test.h"

namespace sluice::rt {
namespace {

class PosixFileTest : public ::testing::Test {
 protected:
  TempFolder temp;
  std::unique_ptr<Directory> dir = *PosixDirectory::open_path(temp.path() + "/a/b/");

  std::string content(File& file) {
    std::string bytes(100, '\0');
    bytes.resize(*file.read_at(0, bytes));
    return bytes;
  }
};

TEST_F(PosixFileTest, MakesTheFolderWithItsParents) {
  EXPECT_TRUE(std::filesystem::is_directory(temp.path() + "/a/b"));
  EXPECT_EQ(dir->path(), temp.path() + "/a/b");
  EXPECT_TRUE(PosixDirectory::open_path(temp.path() + "/a/./b"));
}

TEST_F(PosixFileTest, ReadsBackWhatWasWritten) {
  auto file = *dir->open("f", OpenMode::kCreate);
  EXPECT_TRUE(file->write_at(3, "def"));
  EXPECT_TRUE(file->write_at(0, "abc"));
  EXPECT_EQ(content(*file), "abcdef");
  EXPECT_EQ(*file->size(), 6U);
  EXPECT_TRUE(file->sync());
  EXPECT_TRUE(file->is_cached(0, 6));
  EXPECT_TRUE(file->truncate(2));
  EXPECT_EQ(content(*file), "ab");
  char byte = 0;
  EXPECT_EQ(*file->read_at(7, std::span(&byte, 1)), 0U) << "past the end";
}

TEST_F(PosixFileTest, OpensAsAsked) {
  EXPECT_EQ(dir->open("f", OpenMode::kRead).error().code, Errc::kNotFound);
  EXPECT_EQ(dir->open("f", OpenMode::kReadWrite).error().code, Errc::kNotFound);
  EXPECT_TRUE((*dir->open("f", OpenMode::kCreate))->write_at(0, "kept"));
  EXPECT_EQ(content(**dir->open("f", OpenMode::kCreate)), "kept");
  EXPECT_EQ(content(**dir->open("f", OpenMode::kCreateEmpty)), "");
  auto reader = *dir->open("f", OpenMode::kRead);
  const auto refused = reader->write_at(0, "x");
  EXPECT_EQ(refused.error().code, Errc::kDiskFailed);
  EXPECT_EQ(refused.error().detail, "write of " + dir->path() + "/f at 0: Bad file descriptor");
}

TEST_F(PosixFileTest, ListsRenamesAndRemoves) {
  EXPECT_TRUE(dir->open("b", OpenMode::kCreate));
  EXPECT_TRUE(dir->open("c", OpenMode::kCreate));
  auto inner = *dir->folder("a");
  EXPECT_TRUE(inner->open("deep", OpenMode::kCreate));
  EXPECT_EQ(*dir->list(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(dir->rename("b", "c"));
  EXPECT_TRUE(dir->sync());
  EXPECT_EQ(*dir->list(), (std::vector<std::string>{"a", "c"}));
  EXPECT_TRUE(dir->remove("c"));
  EXPECT_EQ(dir->remove("c").error().code, Errc::kNotFound);
  EXPECT_TRUE(dir->remove_folder("a"));
  EXPECT_EQ(dir->remove_folder("a").error().code, Errc::kNotFound);
  EXPECT_TRUE(dir->list()->empty());
  EXPECT_GT(*dir->free_bytes(), 0U);
}

TEST_F(PosixFileTest, ALockIsHeldOnceAndUntilItIsDropped) {
  auto lock = dir->lock("LOCK");
  ASSERT_TRUE(lock);
  EXPECT_EQ(dir->lock("LOCK").error().code, Errc::kBusy);
  lock->reset();
  EXPECT_TRUE(dir->lock("LOCK"));
}

TEST_F(PosixFileTest, MapsErrnoToReactions) {
  EXPECT_EQ(disk_error(ENOSPC, "x").code, Errc::kNoSpace);
  EXPECT_EQ(disk_error(EDQUOT, "x").code, Errc::kNoSpace);
  EXPECT_EQ(disk_error(EIO, "x").code, Errc::kDiskFailed);
  EXPECT_EQ(disk_error(ENOENT, "x").code, Errc::kNotFound);
}

TEST_F(PosixFileTest, AFullDeviceIsNoSpace) {
  const auto device = *PosixDirectory::open_path("/dev");
  auto full = device->open("full", OpenMode::kReadWrite);
  ASSERT_TRUE(full) << full.error().detail;
  EXPECT_EQ((*full)->write_at(0, "x").error().code, Errc::kNoSpace);
}

class DiskLanesTest : public CoreTest {};

TEST_F(DiskLanesTest, ALaneKeepsItsOrderAndLanesRunBesideEachOther) {
  std::vector<int> order;  // touched by one lane at a time
  const auto job = [](Host& h, int number, std::vector<int>& seen) -> Task<void> {
    std::function<void()> work = [number, &seen] { seen.push_back(number); };
    co_await h.disk().run(Lane::kAppend, std::move(work));
  };
  for (int i = 0; i < 1000; ++i) gate.spawn(job(host, i, order));
  const auto main = [](Host& h) -> Task<void> {
    const auto home = std::this_thread::get_id();
    auto where = [] { return std::this_thread::get_id(); };
    const auto read = co_await on_disk(h.disk(), Lane::kRead, where);
    const auto sync = co_await on_disk(h.disk(), Lane::kSync, where);
    EXPECT_NE(read, home);
    EXPECT_NE(read, sync);
    EXPECT_EQ(std::this_thread::get_id(), home);
  };
  run(main(host));
  ASSERT_EQ(order.size(), 1000U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

class PosixProcessTest : public CoreTest {
 protected:
  TempFolder temp;

  static Task<void> run_child(Host& h, ProcessSpec spec, int& code) {
    auto child = h.start(spec);
    EXPECT_TRUE(child) << child.error().detail;
    if (child) code = co_await (*child)->wait();
  }
  std::string output() {
    std::ifstream file(temp.path() + "/out");
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(PosixProcessTest, TellsTheExitCode) {
  int code = -1;
  const ProcessSpec spec{.argv = {"sh", "-c", "exit 7"},
                         .standard_input = {},
                         .output_file = {},
                         .working_directory = {}};
  run(run_child(host, spec, code));
  EXPECT_EQ(code, 7);
}

TEST_F(PosixProcessTest, FeedsInputAndKeepsOutput) {
  int code = -1;
  const ProcessSpec spec{.argv = {"sh", "-c", "cat; pwd; echo oops >&2"},
                         .standard_input = std::string(200'000, 'i'),
                         .output_file = temp.path() + "/out",
                         .working_directory = temp.path()};
  run(run_child(host, spec, code));
  EXPECT_EQ(code, 0);
  EXPECT_EQ(output(), std::string(200'000, 'i') + temp.path() + "\noops\n");
}

TEST_F(PosixProcessTest, ASignalEndsIt) {
  const auto main = [](Host& h) -> Task<void> {
    const ProcessSpec spec{.argv = {"sleep", "1000"},
                           .standard_input = {},
                           .output_file = {},
                           .working_directory = {}};
    auto child = *h.start(spec);
    EXPECT_GT(child->pid(), 0);
    child->signal(SIGTERM);
    EXPECT_EQ(co_await child->wait(), 128 + SIGTERM);
    child->signal(SIGTERM);
    EXPECT_EQ(co_await child->wait(), 128 + SIGTERM);
    auto dropped = *h.start(spec);
    const auto pid = dropped->pid();
    dropped.reset();
    EXPECT_NE(::kill(pid, 0), 0) << "killed and reaped";
  };
  run(main(host));
}

TEST_F(PosixProcessTest, SaysWhyAProgramCannotStart) {
  const ProcessSpec spec{.argv = {"no-such-program"},
                         .standard_input = {},
                         .output_file = {},
                         .working_directory = {}};
  const auto child = host.start(spec);
  EXPECT_EQ(child.error().code, Errc::kRejected);
  EXPECT_EQ(child.error().detail, "starting no-such-program: no such file or directory");
}

}  // namespace
}  // namespace sluice::rt
