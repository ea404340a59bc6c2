// What changes a lineage besides appends: its history, its snapshots, and what retention takes.
#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>
#include <variant>

#include "replog/disk_log.h"
#include "replog/file_names.h"
#include "replog/snapshot_file.h"
#include "replog/truncation.h"
#include "rt/disk.h"

namespace sluice::replog {
namespace {

using rt::Lane;

constexpr std::size_t kDivergedMax = 16;
constexpr auto kDiskFullRetry = std::chrono::seconds(1);

Result<> remove_files(rt::Directory& directory, const std::vector<repl::Offset>& segments,
                      const std::vector<std::string>& names) {
  for (const repl::Offset start : segments) TRY_VOID(remove_segment(directory, start));
  for (const auto& name : names) {
    const auto removed = directory.remove(name);
    if (!removed && removed.error().code != Errc::kNotFound) return removed;
  }
  return directory.sync();
}

}  // namespace

DiskLog::Turn::~Turn() {
  log_.changing_file_ = false;
  log_.progress_.notify_all();
}

rt::Task<std::unique_ptr<DiskLog::Turn>> DiskLog::turn() {
  while (changing_file_) co_await progress_.wait();
  changing_file_ = true;
  co_return std::make_unique<Turn>(*this);
}

// If the disk fails in it, either version may be found at the next start.
rt::Task<Result<>> DiskLog::save(LineageFile changed) {
  auto job = [this, &changed] { return save_lineage(*directory_, changed); };
  auto saved = co_await rt::on_disk(host_.disk(), Lane::kSync, std::move(job));
  if (saved) {
    file_ = std::move(changed);
  } else if (saved.error().code == Errc::kDiskFailed) {
    co_await fail_for_good();
  }
  co_return saved;
}

rt::Task<Result<>> DiskLog::switch_history(repl::ReplId id, repl::Offset at,
                                           std::optional<repl::Offset> predecessor_end) {
  CHECK(!appending_);
  CO_TRY_VOID(check_writable());
  if (at < begin() || at > end()) {
    co_return fail(Errc::kRejected, "offset " + std::to_string(at.bytes()) + " is not in the log");
  }
  CO_TRY_VOID(co_await sync());
  const auto held = co_await turn();
  const repl::Position to{id, at};
  LineageFile changed = file_;
  switch_origin(changed, to, predecessor_end);
  if (changed.snapshots.empty() && !file_.snapshots.empty()) {
    co_return fail(Errc::kRejected, "no snapshot is left at offset " + std::to_string(at.bytes()));
  }
  if (at < end()) {
    CO_TRY_VOID(co_await cut(at, std::move(changed)));
  } else {
    changed.durable = at;
    CO_TRY_VOID(co_await save(std::move(changed)));
  }
  history_ = {file_.id(), {begin(), tail_.end}, inherited(file_)};
  co_return Result<>{};
}

// Once the decision is saved, it is carried out: here, or by the recovery of the next start.
rt::Task<Result<>> DiskLog::cut(repl::Offset at, LineageFile changed) {
  const std::string copy = diverged_name(file_.id(), at);
  const StreamExtent whole = settled_extent();
  auto prepare = [this, &whole, &copy, at]() -> Result<Cut> {
    TRY_VOID(copy_stream(*directory_, whole, at, copy));
    return plan_cut(*directory_, whole, at);
  };
  CO_TRY(auto plan, co_await rt::on_disk(host_.disk(), Lane::kRead, std::move(prepare)));

  changed.cut = std::move(plan);
  std::erase(changed.diverged, copy);
  changed.diverged.push_back(copy);
  std::vector<std::string> surplus;
  while (changed.diverged.size() > kDivergedMax) {
    surplus.push_back(changed.diverged.front());
    changed.diverged.erase(changed.diverged.begin());
  }
  CO_TRY_VOID(co_await save(changed));

  cutting_ = true;
  tail_file_.reset();
  unsynced_.clear();
  changed.cut.reset();
  auto carry_out = [this, &changed, &surplus, by = *file_.cut]() -> Result<RecoveredLineage> {
    TRY_VOID(cut_stream(*directory_, by));
    TRY_VOID(save_lineage(*directory_, changed));
    TRY_VOID(remove_files(*directory_, {}, surplus));
    return recover_lineage(*directory_, Repair::kCut);
  };
  auto found = co_await until_there_is_room(std::move(carry_out));
  cutting_ = false;
  progress_.notify_all();
  grown_.notify_all();
  if (!found) {  // decided, but only the next start can carry it out
    cut_failed_ = true;
    synced_ = std::min(synced_, at);
    cuts_.push_back(at);
    co_await fail_for_good();
    co_return tl::unexpected(std::move(found).error());
  }
  adopt(*std::move(found));
  cuts_.push_back(at);
  co_return Result<>{};
}

// A cut that is decided can be repeated from any point of it, and nothing else can go on before it.
rt::Task<Result<RecoveredLineage>> DiskLog::until_there_is_room(
    std::function<Result<RecoveredLineage>()> change) {
  for (;;) {
    auto job = [&change] { return change(); };
    auto found = co_await rt::on_disk(host_.disk(), Lane::kAppend, std::move(job));
    const bool is_full = !found && found.error().code == Errc::kNoSpace;
    waits_for_room_ = is_full && !gives_up_waiting_ && !stopped_;
    if (!waits_for_room_) co_return found;
    const auto until = host_.clock().now() + kDiskFullRetry;
    co_await progress_.wait_until(until);
  }
}

void DiskLog::stop_waiting() {
  gives_up_waiting_ = true;
  progress_.notify_all();
}

void DiskLog::adopt(RecoveredLineage found) {
  file_ = std::move(found.file);
  segments_.replace(found.extent);
  scanner_ = found.scanner;
  synced_ = found.extent.end();
  const SegmentExtent& last = segments_.last().extent;
  tail_ = Tail{.end = last.end, .entries = last.entries, .wall_ms = last.wall_ms, .open = {}};
  history_ = {file_.id(), {segments_.begin(), segments_.end()}, inherited(file_)};
}

rt::Task<Result<std::unique_ptr<SnapshotWriter>>> DiskLog::write_snapshot(repl::Position at) {
  CO_TRY_VOID(check_writable());
  const auto held = co_await turn();
  const std::string name = snapshot_name(at.offset, file_.next_snapshot++);
  CO_TRY(auto writer, co_await DiskSnapshotWriter::begin(shared_from_this(), at, name));
  std::unique_ptr<SnapshotWriter> made = std::move(writer);
  co_return made;
}

// A cut removes the files that have no name yet, and a stream that went on under another replid may
// have left the snapshot's before it reached its offset.
rt::Task<Result<>> DiskLog::commit_snapshot(Snapshot snapshot, std::size_t cuts_seen) {
  CO_TRY_VOID(check_open());
  const repl::Offset at = snapshot.at.offset;
  if (at < begin() || at > end() || snapshot.db > kDatabaseMax) {
    co_return fail(Errc::kRejected, "a snapshot at offset " + std::to_string(at.bytes()) +
                                        " cannot be followed by this stream");
  }
  if (snapshot.at.offset > synced_) CO_TRY_VOID(co_await sync());
  const auto held = co_await turn();
  CO_TRY_VOID(check_open());
  const auto place = repl::answer(history_, repl::PsyncRequest{snapshot.at});
  if (cuts_seen != cuts_.size() || !std::holds_alternative<repl::Continue>(place)) {
    co_return fail(Errc::kNotFound, "the history was switched while the snapshot came in");
  }
  LineageFile changed = file_;
  const bool is_first = snapshot.at.offset == begin() && begin() == end();
  if (is_first) changed.first_db = snapshot.db;
  changed.snapshots.push_back(snapshot);
  std::ranges::stable_sort(changed.snapshots,
                           [](const auto& a, const auto& b) { return a.at.offset < b.at.offset; });
  CO_TRY_VOID(co_await save(std::move(changed)));
  if (is_first && begin() == end()) {
    scanner_ = repl::StreamScanner(repl::Mark{.offset = end(), .db = snapshot.db});
  }
  verified_snapshots_.emplace(snapshot.file_name, Verified({}, {}));
  co_return Result<>{};
}

rt::Task<Result<std::unique_ptr<Reader>>> DiskLog::read_snapshot(const Snapshot& snapshot) {
  CO_TRY_VOID(check_open());
  CO_TRY(auto reader, co_await SnapshotReader::open(shared_from_this(), snapshot));
  std::unique_ptr<Reader> made = std::move(reader);
  co_return made;
}

std::vector<KeptSegment> DiskLog::kept_segments() const {
  std::vector<KeptSegment> kept;
  for (const auto& each : segments_.all()) {
    const SegmentExtent& extent = each.extent;
    const std::uint64_t bytes = extent.end - extent.start + extent.entries * kEntryBytes;
    kept.push_back({extent.start, extent.end, bytes, extent.wall_ms});
  }
  return kept;
}

// lineage.json first: what it no longer names is removed now or at the next start.
rt::Task<Result<>> DiskLog::discard(repl::Offset from, std::vector<std::string> snapshot_names) {
  CO_TRY_VOID(check_writable());
  const auto held = co_await turn();
  LineageFile changed = file_;
  std::vector<repl::Offset> gone;
  for (const auto& each : segments_.all()) {
    if (each.extent.end > from || &each == &segments_.last()) break;
    gone.push_back(each.extent.start);
    changed.begin = each.extent.end;
  }
  const auto is_named = [&](const Snapshot& each) {
    return std::ranges::find(snapshot_names, each.file_name) != snapshot_names.end();
  };
  std::erase_if(changed.snapshots, is_named);
  // Decided before a cut that took the snapshot it relied on: retention decides anew.
  const bool leaves_a_start =
      !changed.snapshots.empty() && changed.snapshots.back().at.offset >= changed.begin;
  if (!file_.snapshots.empty() && !leaves_a_start) co_return Result<>{};
  CO_TRY_VOID(co_await save(std::move(changed)));
  segments_.drop_before(file_.begin);
  history_.held.begin = segments_.begin();
  grown_.notify_all();

  std::vector<std::string> names;
  for (const auto& each : snapshot_names) {
    verified_snapshots_.erase(each);
    names.push_back(each);
    names.push_back(snapshot_index_name(each));
  }
  auto job = [this, &gone, &names] { return remove_files(*directory_, gone, names); };
  co_return co_await rt::on_disk(host_.disk(), Lane::kRead, std::move(job));
}

}  // namespace sluice::replog
