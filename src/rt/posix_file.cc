#include "rt/posix_file.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <system_error>
#include <unistd.h>

#include "base/check.h"

namespace sluice::rt {

namespace {

constexpr mode_t kFileMode = 0640;
constexpr mode_t kFolderMode = 0750;

// Repeats a call that a signal interrupted.
template <typename Call>
auto retry(Call call) {
  for (;;) {
    const auto outcome = call();
    if (outcome >= 0 || errno != EINTR) return outcome;
  }
}

tl::unexpected<Error> failed(const std::string& what) {
  return tl::unexpected<Error>(disk_error(errno, what));
}

// Of a sync even a full disk is final: it is not known what was dropped, and file.h forbids a retry.
tl::unexpected<Error> failed_sync(const std::string& what) {
  auto error = disk_error(errno, what);
  error.code = Errc::kDiskFailed;
  return tl::unexpected<Error>(std::move(error));
}

std::string place(const char* verb, const std::string& path, std::uint64_t at) {
  return std::string(verb) + " of " + path + " at " + std::to_string(at);
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT;
    case OpenMode::kCreateEmpty:
      return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

Result<std::unique_ptr<Directory>> open_existing(const std::string& path) {
  UniqueFd fd(retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd.is_open()) return failed("opening " + path);
  return std::make_unique<PosixDirectory>(std::move(fd), path);
}

}  // namespace

Error disk_error(int number, const std::string& what) {
  auto code = Errc::kDiskFailed;
  if (number == ENOSPC || number == EDQUOT) code = Errc::kNoSpace;
  if (number == ENOENT) code = Errc::kNotFound;
  if (number == EWOULDBLOCK || number == EBUSY) code = Errc::kBusy;
  return {code, what + ": " + std::system_category().message(number)};
}

Result<std::size_t> PosixFile::read_at(std::uint64_t at, std::span<char> into) const {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto from = static_cast<off_t>(at + done);
    const auto got =
        retry([&] { return ::pread(fd_.get(), into.data() + done, into.size() - done, from); });
    if (got < 0) return failed(place("read", path_, at + done));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<> PosixFile::write_at(std::uint64_t at, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto taken = retry(
        [&] { return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at)); });
    if (taken < 0) return failed(place("write", path_, at));
    if (taken == 0) return fail(Errc::kDiskFailed, place("write", path_, at) + ": took nothing");
    at += static_cast<std::uint64_t>(taken);
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  return {};
}

// fdatasync writes the size too where it has changed: it is needed to read the bytes back.
Result<> PosixFile::sync() {
  if (retry([&] { return ::fdatasync(fd_.get()); }) != 0) return failed_sync("sync of " + path_);
  return {};
}

Result<> PosixFile::truncate(std::uint64_t size) {
  const auto length = static_cast<off_t>(size);
  if (retry([&] { return ::ftruncate(fd_.get(), length); }) != 0) {
    return failed("truncation of " + path_ + " to " + std::to_string(size));
  }
  return {};
}

Result<std::uint64_t> PosixFile::size() const {
  struct stat found{};
  if (::fstat(fd_.get(), &found) != 0) return failed("size of " + path_);
  return static_cast<std::uint64_t>(found.st_size);
}

// Looks at the ends alone: what was written or read lately was so in one run.
bool PosixFile::is_cached(std::uint64_t at, std::size_t count) const {
  if (count == 0) return true;
  const auto probe = [this](std::uint64_t where) {
    char byte = 0;
    iovec into{&byte, 1};
    const auto got = ::preadv2(fd_.get(), &into, 1, static_cast<off_t>(where), RWF_NOWAIT);
    return got >= 0 || errno != EAGAIN;  // past the end, or not supported: no reason to wait
  };
  return probe(at) && probe(at + count - 1);
}

Result<std::unique_ptr<Directory>> PosixDirectory::open_path(std::string_view path) {
  std::error_code failure;
  auto whole = std::filesystem::absolute(std::filesystem::path(path), failure).lexically_normal();
  if (failure)
    return fail(Errc::kRejected, "folder " + std::string(path) + ": " + failure.message());
  if (whole.filename().empty()) whole = whole.parent_path();  // "a/b/" names what "a/b" names

  auto present = whole;
  while (!std::filesystem::exists(present, failure) && present.has_relative_path()) {
    present = present.parent_path();
  }
  TRY(auto directory, open_existing(present.string()));
  const auto absent = whole.lexically_relative(present);
  for (const auto& part : absent) {
    if (part == "." || part.empty()) continue;
    TRY(auto inner, directory->folder(part.string()));
    TRY_VOID(directory->sync());
    directory = std::move(inner);
  }
  return directory;
}

Error PosixDirectory::error(const std::string& verb, std::string_view name) const {
  const int number = errno;
  return disk_error(number, verb + " " + path_ + "/" + std::string(name));
}

Result<std::unique_ptr<File>> PosixDirectory::open(std::string_view name, OpenMode mode) {
  CHECK(is_plain_name(name));
  const std::string text(name);
  const int flags = flags_of(mode) | O_CLOEXEC;
  UniqueFd fd(retry([&] { return ::openat(fd_.get(), text.c_str(), flags, kFileMode); }));
  if (!fd.is_open()) return tl::unexpected<Error>(error("opening", name));
  return std::make_unique<PosixFile>(std::move(fd), path_ + "/" + text);
}

Result<std::vector<std::string>> PosixDirectory::list() const {
  const int copy = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return failed("listing " + path_);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(copy), ::closedir);
  if (!folder) {
    ::close(copy);
    return failed("listing " + path_);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (is_plain_name(entry->d_name)) names.emplace_back(entry->d_name);
    errno = 0;
  }
  if (errno != 0) return failed("listing " + path_);
  std::ranges::sort(names);
  return names;
}

Result<> PosixDirectory::remove(std::string_view name) {
  CHECK(is_plain_name(name));
  if (::unlinkat(fd_.get(), std::string(name).c_str(), 0) == 0) return {};
  return tl::unexpected<Error>(error("removing", name));
}

Result<> PosixDirectory::rename(std::string_view from, std::string_view to) {
  CHECK(is_plain_name(from) && is_plain_name(to));
  const std::string source(from);
  const std::string target(to);
  if (::renameat(fd_.get(), source.c_str(), fd_.get(), target.c_str()) == 0) return {};
  return tl::unexpected<Error>(error("renaming", source + " to " + target + " in"));
}

Result<> PosixDirectory::sync() {
  if (retry([&] { return ::fsync(fd_.get()); }) != 0) return failed_sync("sync of folder " + path_);
  return {};
}

Result<std::unique_ptr<Directory>> PosixDirectory::folder(std::string_view name) {
  CHECK(is_plain_name(name));
  const std::string text(name);
  if (::mkdirat(fd_.get(), text.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return tl::unexpected<Error>(error("making folder", name));
  }
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  UniqueFd fd(retry([&] { return ::openat(fd_.get(), text.c_str(), flags); }));
  if (!fd.is_open()) return tl::unexpected<Error>(error("opening folder", name));
  return std::make_unique<PosixDirectory>(std::move(fd), path_ + "/" + text);
}

Result<> PosixDirectory::remove_folder(std::string_view name) {
  CHECK(is_plain_name(name));
  std::error_code failure;
  const auto whole = path_ + "/" + std::string(name);
  if (!std::filesystem::is_directory(std::filesystem::symlink_status(whole, failure))) {
    return fail(Errc::kNotFound, "removing folder " + whole + ": not a folder");
  }
  std::filesystem::remove_all(whole, failure);
  if (failure)
    return tl::unexpected<Error>(disk_error(failure.value(), "removing folder " + whole));
  return {};
}

// A flock belongs to the open file, so a second one in this process is refused too.
Result<std::unique_ptr<File>> PosixDirectory::lock(std::string_view name) {
  CHECK(is_plain_name(name));
  TRY(auto file, open(name, OpenMode::kCreate));
  if (retry([&] { return ::flock(file->descriptor(), LOCK_EX | LOCK_NB); }) == 0) return file;
  return tl::unexpected<Error>(error("locking", name));
}

Result<std::uint64_t> PosixDirectory::free_bytes() const {
  struct statvfs found{};
  if (::fstatvfs(fd_.get(), &found) != 0) return failed("free space of " + path_);
  return std::uint64_t{found.f_bavail} * found.f_frsize;
}

}  // namespace sluice::rt
