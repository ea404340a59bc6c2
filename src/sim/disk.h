// The storage of a simulated machine: what programs see, what would survive a power cut, faults.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rt/disk.h"
#include "rt/file.h"
#include "sim/world.h"

namespace sluice::sim {

// The content of a file. Programs see `bytes`; a power cut leaves `durable` and, of each unsynced
// change, all, a part or nothing.
struct Inode {
  struct Change {
    std::uint64_t at = 0;  // a write of `bytes` there, or a truncation to it
    std::string bytes;
    bool is_truncation = false;
  };

  std::string bytes;
  std::string durable;
  std::vector<Change> unsynced;
  std::shared_ptr<const bool> locked_by;  // the life of the process that holds the lock
  bool is_linked = true;                  // has a name, so its bytes count against the capacity

  bool is_locked() const { return locked_by && *locked_by; }
};

// The names of a folder, likewise. A name that is not durable takes its file with it.
struct Folder {
  struct Entry {
    std::shared_ptr<Inode> file;  // one of the two; shared by all folders' images and open files
    std::shared_ptr<Folder> folder;
  };
  using Names = std::map<std::string, Entry, std::less<>>;

  // What a step made of the names: each step is durable or lost as a whole.
  struct Step {
    std::string removed;  // empty: none
    std::string added;    // empty: none
    Entry entry;
  };

  Names names;
  Names durable;
  std::vector<Step> unsynced;

  void apply(Step step);
};

enum class DiskOp : std::uint8_t { kRead, kWrite, kSync, kName };

class Disk {
 public:
  Disk(World& world, std::uint64_t number) : world_(world), number_(number) {}
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  std::uint64_t number() const { return number_; }

  // --- faults ---------------------------------------------------------------------------------

  // Files may hold this much in all; more fails with kNoSpace after a part of it was written.
  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }

  // The `nth` next operation of this kind (1: the next) fails with kDiskFailed. A failed write has
  // written a part. A failed sync forgets what it should have made durable, as Linux does: the
  // next sync succeeds without it.
  void fail_nth(DiskOp op, std::uint64_t nth) { failures_[op] = nth; }  // 0: none

  // The machine of this disk crashes in the midst of the `nth` next write, sync or change of
  // names.
  void crash_at(std::uint64_t nth, std::function<void()> crash);

  // Flips a bit of a file on the platter: the file as it is read from now on. False if there is no
  // such byte. `path` has no leading slash.
  bool flip_bit(std::string_view path, std::uint64_t at, int bit);

  // How long work in a lane takes: between the two, and now and then ten times as long.
  void set_work_time(rt::Lane lane, rt::Duration least, rt::Duration most);

  // One in so many reads finds its bytes in memory (1: each does).
  void set_cached_one_in(std::uint64_t times) { cached_one_in_ = times; }

  // Writes or syncs or changes of names that were begun so far, to choose a crash_at by.
  std::uint64_t changes() const { return changes_; }

  // --- looking at it from outside -------------------------------------------------------------

  // The bytes of a file as programs see them.
  std::optional<std::string> read(std::string_view path) const;
  std::uint64_t used() const { return used_; }

  // --- for the parts of sim -------------------------------------------------------------------

  Result<std::unique_ptr<rt::Directory>> open_path(std::string_view path,
                                                   std::shared_ptr<const bool> life);
  void lose_power();
  rt::Duration work_time(rt::Lane lane);
  bool is_cached() { return cached_one_in_ == 1 || world_.random().one_in(cached_one_in_); }

  // Counts an operation and lets its fault happen. `life` is of the process that asks.
  Result<> begin(DiskOp op, const bool& life, const std::string& what);
  Result<> write(Inode& inode, std::uint64_t at, std::string_view bytes, const bool& life,
                 const std::string& what);
  Result<> truncate(Inode& inode, std::uint64_t size, const bool& life, const std::string& what);
  Result<> sync(Inode& inode, const bool& life, const std::string& what);
  std::uint64_t capacity() const { return capacity_; }
  void unlink(const Folder::Entry& entry);  // its bytes no longer count

 private:
  struct WorkTime {
    rt::Duration least;
    rt::Duration most;
  };

  const Folder::Entry* find(std::string_view path) const;
  std::size_t whole_pages(std::uint64_t at, std::size_t count);
  void put(Inode& inode, std::uint64_t at, std::string_view bytes);
  void lose_unsynced(Folder& folder);
  void lose_unsynced(Inode& inode);

  World& world_;
  std::uint64_t number_;
  std::shared_ptr<Folder> root_ = std::make_shared<Folder>();
  std::uint64_t used_ = 0;
  std::uint64_t capacity_ = ~std::uint64_t{0};
  std::map<DiskOp, std::uint64_t> failures_;
  std::uint64_t changes_ = 0;
  std::uint64_t changes_until_crash_ = 0;  // 0: none is planned
  std::function<void()> crash_;
  std::uint64_t cached_one_in_ = 2;
  std::map<rt::Lane, WorkTime> work_times_;
};

}  // namespace sluice::sim
