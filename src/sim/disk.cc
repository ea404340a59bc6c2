#include "sim/disk.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "base/check.h"
#include "sim/file.h"

namespace sluice::sim {

namespace {

using namespace std::chrono_literals;

void change_image(std::string& image, const Inode::Change& change) {
  if (change.is_truncation) {
    image.resize(change.at);
    return;
  }
  if (image.size() < change.at + change.bytes.size()) image.resize(change.at + change.bytes.size());
  image.replace(change.at, change.bytes.size(), change.bytes);
}

tl::unexpected<Error> dead() {
  return fail(Errc::kCancelled, "the process has crashed");
}

void apply_names(Folder::Names& names, const Folder::Step& step) {
  if (!step.removed.empty()) names.erase(step.removed);
  if (!step.added.empty()) names.insert_or_assign(step.added, step.entry);
}

}  // namespace

void Folder::apply(Step step) {
  apply_names(names, step);
  unsynced.push_back(std::move(step));
}

void Disk::crash_at(std::uint64_t nth, std::function<void()> crash) {
  changes_until_crash_ = nth;
  crash_ = std::move(crash);
}

void Disk::set_work_time(rt::Lane lane, rt::Duration least, rt::Duration most) {
  work_times_[lane] = {least, most};
}

rt::Duration Disk::work_time(rt::Lane lane) {
  WorkTime time = lane == rt::Lane::kSync ? WorkTime{300us, 5ms} : WorkTime{20us, 300us};
  if (const auto set = work_times_.find(lane); set != work_times_.end()) time = set->second;
  const auto least = static_cast<std::uint64_t>(time.least.count());
  const auto most = static_cast<std::uint64_t>(time.most.count());
  const auto slow = world_.random().one_in(50) ? std::uint64_t{10} : std::uint64_t{1};
  return rt::Duration(static_cast<std::int64_t>(world_.random().between(least, most) * slow));
}

Result<> Disk::begin(DiskOp op, const bool& life, const std::string& what) {
  if (!life) return dead();
  if (op != DiskOp::kRead) {
    ++changes_;
    if (changes_until_crash_ > 0 && --changes_until_crash_ == 0) {
      const auto crash = std::exchange(crash_, nullptr);
      crash();
      CHECK(!life);
      return dead();
    }
  }
  const auto planned = failures_.find(op);
  if (planned == failures_.end() || --planned->second > 0) return {};
  failures_.erase(planned);
  return fail(Errc::kDiskFailed, what + ": input/output error");
}

void Disk::put(Inode& inode, std::uint64_t at, std::string_view bytes) {
  const auto before = inode.bytes.size();
  Inode::Change change{at, std::string(bytes), false};
  change_image(inode.bytes, change);
  inode.unsynced.push_back(std::move(change));
  if (inode.is_linked) used_ += inode.bytes.size() - before;
}

// A signal ends a write between two pages of the page cache, not within one (Linux:
// generic_perform_write). A loss of power may tear it anywhere: lose_unsynced().
std::size_t Disk::whole_pages(std::uint64_t at, std::size_t count) {
  constexpr std::uint64_t kPage = 4096;
  const std::size_t part = world_.random().below(count + 1);
  if (part == count) return count;
  return static_cast<std::size_t>(std::max(at, (at + part) / kPage * kPage) - at);
}

Result<> Disk::write(Inode& inode, std::uint64_t at, std::string_view bytes, const bool& life,
                     const std::string& what) {
  if (!life) return dead();
  const bool will_crash = changes_until_crash_ == 1;
  if (will_crash) put(inode, at, bytes.substr(0, whole_pages(at, bytes.size())));
  if (auto begun = begin(DiskOp::kWrite, life, what); !begun) {
    if (!will_crash) put(inode, at, bytes.substr(0, world_.random().below(bytes.size() + 1)));
    return begun;
  }
  world_.note('w', at, bytes.size());
  const auto end = at + bytes.size();
  const auto growth = end - std::min<std::uint64_t>(end, inode.bytes.size());
  if (growth > 0 && used_ + growth > capacity_) {
    const auto room = capacity_ - std::min(capacity_, used_);
    const auto fits = bytes.size() - std::min<std::uint64_t>(bytes.size(), growth - room);
    put(inode, at, bytes.substr(0, fits));
    return fail(Errc::kNoSpace, what + ": no space left on device");
  }
  put(inode, at, bytes);
  return {};
}

Result<> Disk::truncate(Inode& inode, std::uint64_t size, const bool& life,
                        const std::string& what) {
  TRY_VOID(begin(DiskOp::kWrite, life, what));
  if (inode.is_linked) used_ = used_ + size - inode.bytes.size();
  Inode::Change change{size, "", true};
  change_image(inode.bytes, change);
  inode.unsynced.push_back(std::move(change));
  return {};
}

Result<> Disk::sync(Inode& inode, const bool& life, const std::string& what) {
  auto begun = begin(DiskOp::kSync, life, what);
  if (!begun && begun.error().code == Errc::kCancelled) return begun;
  for (const auto& change : inode.unsynced) {
    if (begun || world_.random().one_in(2)) change_image(inode.durable, change);
  }
  inode.unsynced.clear();
  world_.note('s', number_, inode.durable.size());
  return begun;
}

// --- power ------------------------------------------------------------------------------------

void Disk::lose_power() {
  used_ = 0;
  lose_unsynced(*root_);
}

// Of the steps a prefix survives, as on a file system with a journal.
void Disk::lose_unsynced(Folder& folder) {
  const auto kept = world_.random().below(folder.unsynced.size() + 1);
  folder.unsynced.resize(kept);
  for (auto& step : folder.unsynced) apply_names(folder.durable, step);
  folder.unsynced.clear();
  folder.names = folder.durable;
  for (auto& [name, entry] : folder.names) {
    if (entry.file) lose_unsynced(*entry.file);
    if (entry.folder) lose_unsynced(*entry.folder);
  }
}

// Pages are written back in any order: a prefix of the changes, or any of them, or none, or all;
// and one that survives may be torn at any byte.
void Disk::lose_unsynced(Inode& inode) {
  auto& random = world_.random();
  const auto manner = random.below(4);
  const auto prefix = random.below(inode.unsynced.size() + 1);
  for (std::size_t i = 0; i < inode.unsynced.size(); ++i) {
    auto& change = inode.unsynced[i];
    if (manner == 0) break;
    if (manner == 1 && i > prefix) break;
    if (manner == 2 && random.one_in(2)) continue;
    const bool is_torn = (manner == 1 && i == prefix) || (manner == 2 && random.one_in(4));
    if (is_torn && !change.is_truncation) {
      change.bytes.resize(random.below(change.bytes.size() + 1));
    }
    change_image(inode.durable, change);
  }
  inode.unsynced.clear();
  inode.bytes = inode.durable;
  inode.is_linked = true;
  used_ += inode.bytes.size();
}

void Disk::unlink(const Folder::Entry& entry) {
  if (entry.file) {
    if (!entry.file->is_linked) return;  // with its folder, which somebody still had open
    used_ -= entry.file->bytes.size();
    entry.file->is_linked = false;
    return;
  }
  for (const auto& [name, inner] : entry.folder->names) unlink(inner);
}

// --- paths ------------------------------------------------------------------------------------

namespace {

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    if (end > 0 && path.substr(0, end) != ".") parts.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return parts;
}

}  // namespace

Result<std::unique_ptr<rt::Directory>> Disk::open_path(std::string_view path,
                                                       std::shared_ptr<const bool> life) {
  if (!*life) return dead();
  auto folder = root_;
  for (const auto& part : parts_of(path)) {
    if (folder->names.find(part) == folder->names.end()) {
      folder->apply({"", part, {nullptr, std::make_shared<Folder>()}});
      folder->durable = folder->names;
      folder->unsynced.clear();
    }
    folder = folder->names.find(part)->second.folder;
    if (!folder) return fail(Errc::kDiskFailed, "opening " + std::string(path) + ": not a folder");
  }
  return std::make_unique<Directory>(*this, std::move(folder), std::string(path), std::move(life));
}

const Folder::Entry* Disk::find(std::string_view path) const {
  const Folder* folder = root_.get();
  const Folder::Entry* found = nullptr;
  for (const auto& part : parts_of(path)) {
    if (folder == nullptr) return nullptr;
    const auto entry = folder->names.find(part);
    if (entry == folder->names.end()) return nullptr;
    found = &entry->second;
    folder = found->folder.get();
  }
  return found;
}

std::optional<std::string> Disk::read(std::string_view path) const {
  const auto* entry = find(path);
  if (entry == nullptr || !entry->file) return std::nullopt;
  return entry->file->bytes;
}

bool Disk::flip_bit(std::string_view path, std::uint64_t at, int bit) {
  const auto* entry = find(path);
  if (entry == nullptr || !entry->file || at >= entry->file->bytes.size()) return false;
  const auto flip = [&](std::string& image) {
    if (at < image.size()) image[at] = static_cast<char>(image[at] ^ (1 << bit));
  };
  flip(entry->file->bytes);
  flip(entry->file->durable);
  return true;
}

}  // namespace sluice::sim
