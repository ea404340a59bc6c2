#include <gtest/gtest.h>

#include "sim/disk.h"
#include "sim/machine.h"
#include "sim/world.h"

namespace sluice::sim {
namespace {

using rt::OpenMode;

class DiskSim : public ::testing::Test {
 protected:
  World world{1};
  Machine& machine = world.machine("a");

  std::unique_ptr<rt::Directory> folder() {
    if (machine.host() == nullptr) machine.boot();
    return *machine.host()->directory("/data");
  }
  std::string content(std::string_view name) {
    return machine.disk().read("data/" + std::string(name)).value_or("(absent)");
  }
};

TEST_F(DiskSim, ACrashOfTheProcessKeepsWhatWasWritten) {
  auto dir = folder();
  auto file = *dir->open("f", OpenMode::kCreate);
  ASSERT_TRUE(file->write_at(0, "hello"));
  machine.crash(Crash::kProcess);
  EXPECT_EQ(file->write_at(5, " world").error().code, Errc::kCancelled);
  EXPECT_EQ(content("f"), "hello");
}

TEST_F(DiskSim, APowerCutKeepsWhatWasSyncedAndAnythingOfTheRest) {
  bool lost = false;
  bool torn = false;
  bool kept = false;
  for (int i = 0; i < 200; ++i) {
    const auto name = "f" + std::to_string(i);
    auto dir = folder();
    auto file = *dir->open(name, OpenMode::kCreate);
    ASSERT_TRUE(file->write_at(0, "synced"));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(dir->sync());
    ASSERT_TRUE(file->write_at(6, "unsynced"));
    machine.crash(Crash::kPower);
    const auto left = content(name);
    ASSERT_EQ(left.substr(0, 6), "synced");
    ASSERT_EQ(left, std::string("syncedunsynced").substr(0, left.size()));
    lost |= left.size() == 6;
    torn |= left.size() > 6 && left.size() < 14;
    kept |= left.size() == 14;
  }
  EXPECT_TRUE(lost && torn && kept);
}

TEST_F(DiskSim, APowerCutMayLoseUnsyncedNames) {
  bool lost = false;
  bool kept = false;
  bool half = false;
  for (int i = 0; i < 100; ++i) {
    const auto tmp = "tmp" + std::to_string(i);
    const auto name = "meta" + std::to_string(i);
    auto dir = folder();
    auto file = *dir->open(tmp, OpenMode::kCreate);
    ASSERT_TRUE(file->write_at(0, "new"));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(dir->rename(tmp, name));
    machine.crash(Crash::kPower);
    lost |= content(tmp) == "(absent)" && content(name) == "(absent)";
    kept |= content(tmp) == "(absent)" && content(name) == "new";
    half |= content(tmp) == "new" && content(name) == "(absent)";
  }
  EXPECT_TRUE(lost && kept && half);
}

TEST_F(DiskSim, AFailedSyncForgetsWhatItShouldHaveSaved) {
  bool lost = false;
  for (int i = 0; i < 20; ++i) {
    const auto name = "f" + std::to_string(i);
    auto dir = folder();
    auto file = *dir->open(name, OpenMode::kCreate);
    ASSERT_TRUE(dir->sync());
    ASSERT_TRUE(file->write_at(0, "hello"));
    machine.disk().fail_nth(DiskOp::kSync, 1);
    EXPECT_EQ(file->sync().error().code, Errc::kDiskFailed);
    EXPECT_TRUE(file->sync()) << "the second call lies";
    EXPECT_EQ(content(name), "hello") << "it is still seen";
    machine.crash(Crash::kPower);
    lost |= content(name).empty();
  }
  EXPECT_TRUE(lost);
}

TEST_F(DiskSim, AFullDiskTakesAPartAndHealsWhenThereIsRoom) {
  auto dir = folder();
  auto file = *dir->open("f", OpenMode::kCreate);
  machine.disk().set_capacity(8);
  ASSERT_TRUE(file->write_at(0, "12345"));
  EXPECT_EQ(file->write_at(5, "67890").error().code, Errc::kNoSpace);
  EXPECT_EQ(content("f"), "12345678");
  ASSERT_TRUE(file->truncate(5));
  auto other = *dir->open("g", OpenMode::kCreate);
  ASSERT_TRUE(other->write_at(0, "abc"));
  EXPECT_EQ(file->write_at(5, "6").error().code, Errc::kNoSpace);
  ASSERT_TRUE(dir->remove("g"));
  EXPECT_TRUE(file->write_at(5, "678"));
  EXPECT_EQ(*dir->free_bytes(), 0U);
}

TEST_F(DiskSim, ALockIsHeldOnceAndEndsWithItsProcess) {
  auto dir = folder();
  auto lock = *dir->lock("LOCK");
  EXPECT_EQ(dir->lock("LOCK").error().code, Errc::kBusy);
  machine.crash(Crash::kProcess);
  auto next = folder();
  EXPECT_TRUE(next->lock("LOCK"));
  auto held = next->lock("LOCK");
  lock.reset();
  EXPECT_EQ(next->lock("LOCK").error().code, Errc::kBusy) << "the dead do not release it";
}

TEST_F(DiskSim, CrashesInTheMidstOfAWrite) {
  auto dir = folder();
  auto file = *dir->open("f", OpenMode::kCreate);
  machine.disk().crash_at(2, [this] { machine.crash(Crash::kProcess); });
  EXPECT_TRUE(file->write_at(0, "first"));
  EXPECT_EQ(file->write_at(5, "second").error().code, Errc::kCancelled);
  EXPECT_EQ(machine.host(), nullptr);
  EXPECT_EQ(content("f"), std::string("firstsecond").substr(0, content("f").size()));
}

TEST_F(DiskSim, FlipsABitOfWhatIsRead) {
  auto dir = folder();
  auto file = *dir->open("f", OpenMode::kCreate);
  ASSERT_TRUE(file->write_at(0, "a"));
  EXPECT_TRUE(machine.disk().flip_bit("data/f", 0, 1));
  EXPECT_EQ(content("f"), "c");
  EXPECT_FALSE(machine.disk().flip_bit("data/f", 1, 1));
}

}  // namespace
}  // namespace sluice::sim
