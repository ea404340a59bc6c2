#include "replog/disk_archive.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "replog/file_names.h"
#include "replog/recovery.h"
#include "rt/disk.h"

namespace sluice::replog {
namespace {

using rt::Lane;

std::string random_id(rt::Host& host) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string id;
  while (id.size() < repl::ReplId::kLength) {
    std::uint64_t bits = host.random();
    for (int i = 0; i < 8; ++i, bits >>= 4) id += kHex[bits & 0xf];
  }
  return id;
}

Result<std::uint64_t> bytes_in(rt::Directory& folder) {
  std::uint64_t bytes = 0;
  TRY(const auto names, folder.list());
  for (const auto& name : names) {
    TRY(const auto file, folder.open(name, rt::OpenMode::kRead));
    TRY(const auto size, file->size());
    bytes += size;
  }
  return bytes;
}

struct NewLineage {
  std::unique_ptr<rt::Directory> folder;
  RecoveredLineage lineage;
};

// An attempt that failed, on a full disk for example, left its folder behind, and its number is given again.
Result<NewLineage> make_lineage(rt::Directory& directory, const std::string& name,
                                repl::Position at) {
  const auto removed = directory.remove_folder(name);
  if (!removed && removed.error().code != Errc::kNotFound) return tl::unexpected(removed.error());
  TRY(auto folder, directory.folder(name));
  TRY(auto lineage, create_lineage(*folder, at));
  TRY_VOID(directory.sync());
  return NewLineage{std::move(folder), std::move(lineage)};
}

}  // namespace

Result<std::unique_ptr<Archive>> Archive::open(rt::Host& host, std::string_view path,
                                               LogOptions options) {
  TRY(auto directory, host.directory(path));
  auto archive = std::make_unique<DiskArchive>(host, std::move(directory), options);
  TRY_VOID(archive->recover());
  return std::unique_ptr<Archive>(std::move(archive));
}

DiskArchive::DiskArchive(rt::Host& host, std::unique_ptr<rt::Directory> directory,
                         LogOptions options)
    : host_(host),
      directory_(std::move(directory)),
      options_(options),
      changed_(host.loop(), host.clock()) {}

DiskArchive::Turn::~Turn() {
  archive_.is_changing_ = false;
  archive_.changed_.notify_all();
}

rt::Task<std::unique_ptr<DiskArchive::Turn>> DiskArchive::turn() {
  while (is_changing_) co_await changed_.wait();
  is_changing_ = true;
  co_return std::make_unique<Turn>(*this);
}

Result<> DiskArchive::recover() {
  TRY(lock_, directory_->lock(kLockFile));
  TRY_VOID(adopt_or_make_file());
  const bool was_loading = file_.incoming && !file_.incoming->quarantine;
  if (was_loading) file_.incoming.reset();
  // Saved anew in any case: the last keeper's sync may have failed, and what we read be in memory
  // alone. A full disk is no reason not to start.
  auto saved = save_archive(*directory_, file_);
  if (!saved && saved.error().code != Errc::kNoSpace) return saved;
  TRY_VOID(remove_strangers());
  if (file_.active) {
    TRY(active_, open_log(*file_.active));
  }
  if (file_.incoming) {
    TRY(incoming_, open_log(file_.incoming->lineage));
  }
  return weigh_retired();
}

Result<> DiskArchive::adopt_or_make_file() {
  auto loaded = load_archive(*directory_);
  if (loaded) {
    file_ = *std::move(loaded);
    return {};
  }
  if (loaded.error().code != Errc::kNotFound) return tl::unexpected(loaded.error());
  TRY(const auto names, directory_->list());
  if (std::ranges::any_of(names, [](const auto& n) { return is_lineage_name(n); })) {
    return fail(Errc::kCorrupt, directory_->path() + "/archive.json is missing beside lineages");
  }
  file_.keeper_id = random_id(host_);
  return save_archive(*directory_, file_);
}

Result<std::shared_ptr<DiskLog>> DiskArchive::open_log(const std::string& lineage) {
  TRY(auto folder, directory_->folder(lineage));
  TRY(auto found, recover_lineage(*folder, Repair::kCut));
  recovery_.bytes_cut += found.bytes_cut;
  if (!found.note.empty()) recovery_.note += (recovery_.note.empty() ? "" : " ") + found.note;
  return std::make_shared<DiskLog>(host_, std::move(folder), std::move(found), options_);
}

// Lineages that a crash left behind before they were named, or after they no longer were.
Result<> DiskArchive::remove_strangers() {
  TRY(const auto names, directory_->list());
  for (const auto& name : names) {
    if (is_lineage_name(name) && !file_.names(name)) TRY_VOID(directory_->remove_folder(name));
  }
  return {};
}

Result<> DiskArchive::weigh_retired() {
  for (const auto& each : file_.retired) {
    TRY(const auto folder, directory_->folder(each.lineage));
    TRY(const auto bytes, bytes_in(*folder));
    retired_.push_back({each.lineage, bytes, each.wall_ms});
  }
  return {};
}

std::optional<std::string> DiskArchive::quarantine_reason() const {
  return file_.incoming ? file_.incoming->quarantine : std::nullopt;
}

rt::Task<Result<>> DiskArchive::save(ArchiveFile changed) {
  auto job = [this, &changed] { return save_archive(*directory_, changed); };
  CO_TRY_VOID(co_await rt::on_disk(host_.disk(), Lane::kSync, std::move(job)));
  file_ = std::move(changed);
  co_return Result<>{};
}

rt::Task<Result<>> DiskArchive::remove_lineages(std::vector<std::string> names) {
  auto job = [this, &names]() -> Result<> {
    for (const auto& name : names) TRY_VOID(directory_->remove_folder(name));
    return {};
  };
  co_return co_await rt::on_disk(host_.disk(), Lane::kRead, std::move(job));
}

rt::Task<Result<Log*>> DiskArchive::begin_incoming(repl::Position at) {
  const auto held = co_await turn();
  CO_TRY_VOID(co_await drop_in_turn());
  ArchiveFile changed = file_;
  const std::string name = lineage_name(changed.next_lineage++);
  auto job = [this, &name, at] { return make_lineage(*directory_, name, at); };
  CO_TRY(auto made, co_await rt::on_disk(host_.disk(), Lane::kSync, std::move(job)));
  changed.incoming = ArchiveFile::Incoming{.lineage = name, .quarantine = std::nullopt};
  CO_TRY_VOID(co_await save(std::move(changed)));
  incoming_ =
      std::make_shared<DiskLog>(host_, std::move(made.folder), std::move(made.lineage), options_);
  co_return incoming_.get();
}

rt::Task<Result<>> DiskArchive::quarantine_incoming(std::string reason) {
  const auto held = co_await turn();
  if (!incoming_) co_return fail(Errc::kNotFound, "nothing is coming in");
  ArchiveFile changed = file_;
  changed.incoming->quarantine = std::move(reason);
  co_return co_await save(std::move(changed));
}

rt::Task<Result<>> DiskArchive::promote_incoming() {
  const auto held = co_await turn();
  if (!incoming_) co_return fail(Errc::kNotFound, "nothing is coming in");
  if (incoming_->snapshots().empty()) {
    co_return fail(Errc::kRejected, "what came in has no complete snapshot");
  }
  CO_TRY_VOID(co_await incoming_->sync());
  ArchiveFile changed = file_;
  if (changed.active) {
    changed.retired.push_back({.lineage = *changed.active, .wall_ms = host_.clock().wall_ms()});
  }
  changed.active = changed.incoming->lineage;
  changed.incoming.reset();
  const auto saved = co_await save(std::move(changed));
  if (!saved) {
    // The next start may find either to be the active one: neither may promise anything now.
    const bool is_known = saved.error().code != Errc::kDiskFailed;
    if (!is_known && active_) co_await active_->give_up();
    if (!is_known) co_await incoming_->give_up();
    co_return saved;
  }
  const auto replaced = std::exchange(active_, std::exchange(incoming_, nullptr));
  if (!replaced) co_return Result<>{};
  const auto& last = file_.retired.back();
  retired_.push_back({last.lineage, replaced->bytes_on_disk(), last.wall_ms});
  co_await replaced->retire();
  co_return Result<>{};
}

rt::Task<Result<>> DiskArchive::drop_incoming() {
  const auto held = co_await turn();
  co_return co_await drop_in_turn();
}

rt::Task<Result<>> DiskArchive::drop_in_turn() {
  if (!incoming_) co_return Result<>{};
  ArchiveFile changed = file_;
  std::vector<std::string> names{changed.incoming->lineage};
  changed.incoming.reset();
  CO_TRY_VOID(co_await save(std::move(changed)));
  const auto dropped = std::exchange(incoming_, nullptr);
  co_await dropped->retire();
  co_return co_await remove_lineages(std::move(names));
}

rt::Task<Result<>> DiskArchive::discard_retired(std::size_t count) {
  ArchiveFile changed = file_;
  std::vector<std::string> names;
  names.reserve(count);
  for (std::size_t i = 0; i < count; ++i) names.push_back(changed.retired[i].lineage);
  const auto past = static_cast<std::ptrdiff_t>(count);
  changed.retired.erase(changed.retired.begin(), changed.retired.begin() + past);
  CO_TRY_VOID(co_await save(std::move(changed)));
  retired_.erase(retired_.begin(), retired_.begin() + past);
  co_return co_await remove_lineages(std::move(names));
}

rt::Task<Result<>> DiskArchive::enforce(const Retention& retention) {
  const auto held = co_await turn();
  if (!active_) co_return Result<>{};
  const auto log = active_;
  if (log->waits_for_room()) co_return Result<>{};  // nothing else can change it now
  const Holdings holdings{retired_, log->kept_segments(), log->snapshots(), log->known_mark()};
  Discards gone = discards(holdings, retention, host_.clock().wall_ms());
  if (gone.retired > 0) CO_TRY_VOID(co_await discard_retired(gone.retired));
  if (gone.begin == log->begin() && gone.snapshots.empty()) co_return Result<>{};
  co_return co_await log->discard(gone.begin, std::move(gone.snapshots));
}

std::uint64_t DiskArchive::bytes_on_disk() const {
  std::uint64_t bytes = 0;
  for (const auto& each : retired_) bytes += each.bytes;
  if (active_) bytes += active_->bytes_on_disk();
  if (incoming_) bytes += incoming_->bytes_on_disk();
  return bytes;
}

rt::Task<void> DiskArchive::close() {
  if (active_) co_await active_->close();
  if (incoming_) co_await incoming_->close();
}

}  // namespace sluice::replog
