// Files and directories. Calls block, so they are made on a disk lane (rt/disk.h), or at start.
//
// Errors: kNotFound (no such name), kNoSpace (ENOSPC, EDQUOT: may heal), kDiskFailed (EIO and all
// else: the file's content is then unknown past what was synced), kBusy (locked by another).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::rt {

class File {
 public:
  virtual ~File() = default;

  // Reads until `into` is full or the file ends.
  virtual Result<std::size_t> read_at(std::uint64_t at, std::span<char> into) const = 0;

  // Writes all of `bytes`, growing the file where needed. After a failure any prefix may be there.
  virtual Result<> write_at(std::uint64_t at, std::string_view bytes) = 0;

  // Returns once the file's bytes and size survive a power cut. After a failure nothing may be
  // assumed of bytes written since the last success, and the call must not be tried again.
  virtual Result<> sync() = 0;

  virtual Result<> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() const = 0;

  // Whether reading [at, at + count) would be served from memory. A guess, used for scheduling.
  virtual bool is_cached(std::uint64_t at, std::size_t count) const = 0;

  // The descriptor for sendfile, or -1 in simulation.
  virtual int descriptor() const = 0;
};

enum class OpenMode : std::uint8_t {
  kRead,        // must exist
  kReadWrite,   // must exist
  kCreate,      // made if absent, kept if present
  kCreateEmpty  // made if absent, emptied if present
};

// Names are plain file names, without a slash.
class Directory {
 public:
  virtual ~Directory() = default;

  virtual Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) = 0;
  virtual Result<std::vector<std::string>> list() const = 0;  // files and folders, sorted
  virtual Result<> remove(std::string_view name) = 0;  // a file; an open one lives until closed
  virtual Result<> rename(std::string_view from, std::string_view to) = 0;  // replaces atomically
  virtual Result<> sync() = 0;  // names made, renamed and removed so far survive a power cut

  // The folder `name`, made if absent.
  virtual Result<std::unique_ptr<Directory>> folder(std::string_view name) = 0;
  virtual Result<> remove_folder(std::string_view name) = 0;  // with all that is in it

  // Holds `name` exclusively until the returned file is destroyed or the process dies; kBusy if
  // another process (or this one) holds it.
  virtual Result<std::unique_ptr<File>> lock(std::string_view name) = 0;

  virtual Result<std::uint64_t> free_bytes() const = 0;
  virtual std::string path() const = 0;  // for people
};

}  // namespace sluice::rt
