#include "sim/file.h"

#include <algorithm>

namespace sluice::sim {

namespace {

tl::unexpected<Error> absent(const std::string& what) {
  return fail(Errc::kNotFound, what + ": no such file or directory");
}

// Held until it is destroyed; the crash of its process releases it too.
class LockFile : public File {
 public:
  using File::File;
  ~LockFile() override {
    if (inode_->locked_by == life_) inode_->locked_by = nullptr;
  }
};

}  // namespace

Result<std::size_t> File::read_at(std::uint64_t at, std::span<char> into) const {
  TRY_VOID(disk_.begin(DiskOp::kRead, *life_, "read of " + path_ + " at " + std::to_string(at)));
  const auto& bytes = inode_->bytes;
  if (at >= bytes.size()) return std::size_t{0};
  return bytes.copy(into.data(), into.size(), at);
}

Result<> File::write_at(std::uint64_t at, std::string_view bytes) {
  return disk_.write(*inode_, at, bytes, *life_, "write of " + path_ + " at " + std::to_string(at));
}

Result<> File::sync() {
  return disk_.sync(*inode_, *life_, "sync of " + path_);
}

Result<> File::truncate(std::uint64_t size) {
  return disk_.truncate(*inode_, size, *life_, "truncation of " + path_);
}

Result<std::uint64_t> File::size() const {
  if (!*life_) return fail(Errc::kCancelled, "the process has crashed");
  return std::uint64_t{inode_->bytes.size()};
}

std::string Directory::describe(const char* verb, std::string_view name) const {
  return std::string(verb) + " " + path_ + "/" + std::string(name);
}

Result<std::shared_ptr<Inode>> Directory::inode_of(std::string_view name, rt::OpenMode mode) {
  if (!*life_) return fail(Errc::kCancelled, "the process has crashed");
  const auto what = describe("opening", name);
  const bool may_make = mode == rt::OpenMode::kCreate || mode == rt::OpenMode::kCreateEmpty;
  const auto found = folder_->names.find(name);
  if (found != folder_->names.end()) {
    if (!found->second.file) return fail(Errc::kDiskFailed, what + ": is a directory");
    if (mode == rt::OpenMode::kCreateEmpty && !found->second.file->bytes.empty()) {
      TRY_VOID(disk_.truncate(*found->second.file, 0, *life_, what));
    }
    return found->second.file;
  }
  if (!may_make) return absent(what);
  TRY_VOID(disk_.begin(DiskOp::kName, *life_, what));
  auto inode = std::make_shared<Inode>();
  folder_->apply({"", std::string(name), {inode, nullptr}});
  return inode;
}

Result<std::unique_ptr<rt::File>> Directory::open(std::string_view name, rt::OpenMode mode) {
  TRY(auto inode, inode_of(name, mode));
  return std::make_unique<File>(disk_, std::move(inode), path_ + "/" + std::string(name), life_);
}

Result<std::vector<std::string>> Directory::list() const {
  TRY_VOID(disk_.begin(DiskOp::kRead, *life_, "listing " + path_));
  std::vector<std::string> names;
  names.reserve(folder_->names.size());
  for (const auto& [name, entry] : folder_->names) names.push_back(name);
  return names;
}

Result<> Directory::remove(std::string_view name) {
  const auto what = describe("removing", name);
  TRY_VOID(disk_.begin(DiskOp::kName, *life_, what));
  const auto found = folder_->names.find(name);
  if (found == folder_->names.end()) return absent(what);
  if (!found->second.file) return fail(Errc::kDiskFailed, what + ": is a directory");
  disk_.unlink(found->second);
  folder_->apply({std::string(name), "", {}});
  return {};
}

Result<> Directory::rename(std::string_view from, std::string_view to) {
  const auto what = describe("renaming", from) + " to " + std::string(to);
  TRY_VOID(disk_.begin(DiskOp::kName, *life_, what));
  const auto found = folder_->names.find(from);
  if (found == folder_->names.end()) return absent(what);
  if (from == to) return {};
  const auto replaced = folder_->names.find(to);
  if (replaced != folder_->names.end()) disk_.unlink(replaced->second);
  const auto entry = found->second;
  folder_->apply({std::string(from), std::string(to), entry});
  return {};
}

Result<> Directory::sync() {
  const auto begun = disk_.begin(DiskOp::kSync, *life_, "sync of folder " + path_);
  if (!begun && begun.error().code == Errc::kCancelled) return begun;
  if (begun) folder_->durable = folder_->names;
  folder_->unsynced.clear();
  return begun;
}

Result<std::unique_ptr<rt::Directory>> Directory::folder(std::string_view name) {
  const auto what = describe("opening folder", name);
  if (!*life_) return fail(Errc::kCancelled, "the process has crashed");
  auto found = folder_->names.find(name);
  if (found == folder_->names.end()) {
    TRY_VOID(disk_.begin(DiskOp::kName, *life_, what));
    folder_->apply({"", std::string(name), {nullptr, std::make_shared<Folder>()}});
    found = folder_->names.find(name);
  }
  if (!found->second.folder) return fail(Errc::kDiskFailed, what + ": not a directory");
  return std::make_unique<Directory>(disk_, found->second.folder, path_ + "/" + std::string(name),
                                     life_);
}

Result<> Directory::remove_folder(std::string_view name) {
  const auto what = describe("removing folder", name);
  TRY_VOID(disk_.begin(DiskOp::kName, *life_, what));
  const auto found = folder_->names.find(name);
  if (found == folder_->names.end() || !found->second.folder) {
    return fail(Errc::kNotFound, what + ": not a folder");
  }
  disk_.unlink(found->second);
  folder_->apply({std::string(name), "", {}});
  return {};
}

Result<std::unique_ptr<rt::File>> Directory::lock(std::string_view name) {
  TRY(auto inode, inode_of(name, rt::OpenMode::kCreate));
  if (inode->is_locked()) return fail(Errc::kBusy, describe("locking", name) + ": held by another");
  inode->locked_by = life_;
  return std::make_unique<LockFile>(disk_, std::move(inode), path_ + "/" + std::string(name),
                                    life_);
}

Result<std::uint64_t> Directory::free_bytes() const {
  return disk_.capacity() - std::min(disk_.capacity(), disk_.used());
}

}  // namespace sluice::sim
