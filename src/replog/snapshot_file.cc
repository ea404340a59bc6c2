#include "replog/snapshot_file.h"

#include <algorithm>

#include "replog/file_names.h"
#include "rt/disk.h"

namespace sluice::replog {
namespace {

using rt::Lane;

// Synced in parts while it is received: one sync of a large file at the end would take long.
constexpr std::uint64_t kSyncBytes = 32ULL << 20;
constexpr std::size_t kVerifyBytes = 512 * 1024;

BlockFileNames names_of(const std::string& snapshot) {
  return {snapshot, snapshot_index_name(snapshot)};
}

Result<Tail> append_blocks(BlockFile& file, const Tail& tail, std::string_view bytes,
                           std::int64_t wall_ms) {
  const auto pieces = split(tail, bytes.size(), wall_ms);
  return append(file, tail, Append{bytes, pieces, wall_ms, {}});
}

}  // namespace

rt::Task<Result<std::unique_ptr<DiskSnapshotWriter>>> DiskSnapshotWriter::begin(
    std::shared_ptr<DiskLog> log, repl::Position at, std::string name) {
  auto job = [&log, &name] {
    return open_block_file(*log->directory_, names_of(name), {}, rt::OpenMode::kCreateEmpty);
  };
  CO_TRY(auto file, co_await rt::on_disk(log->host_.disk(), Lane::kAppend, std::move(job)));
  co_return std::make_unique<DiskSnapshotWriter>(log, at, std::move(name), std::move(file));
}

DiskSnapshotWriter::DiskSnapshotWriter(std::shared_ptr<DiskLog> log, repl::Position at,
                                       std::string name, BlockFile file)
    : log_(std::move(log)),
      at_(at),
      name_(std::move(name)),
      file_(std::move(file)),
      cuts_seen_(log_->cuts_.size()) {}

// Best effort: what stays is removed when the lineage is opened next.
DiskSnapshotWriter::~DiskSnapshotWriter() {
  if (is_committed_) return;
  const auto names = names_of(name_);
  [[maybe_unused]] const auto bytes_gone = log_->directory_->remove(names.bytes);
  [[maybe_unused]] const auto index_gone = log_->directory_->remove(names.index);
}

rt::Task<Result<>> DiskSnapshotWriter::append(std::string_view bytes) {
  if (bytes.empty()) co_return Result<>{};
  const std::int64_t wall_ms = log_->host_.clock().wall_ms();
  auto job = [this, bytes, wall_ms] { return append_blocks(file_, tail_, bytes, wall_ms); };
  CO_TRY(tail_, co_await rt::on_disk(log_->host_.disk(), Lane::kAppend, std::move(job)));
  unsynced_bytes_ += bytes.size();
  if (unsynced_bytes_ < kSyncBytes) co_return Result<>{};
  co_return co_await sync();
}

rt::Task<Result<>> DiskSnapshotWriter::sync() {
  tail_.seal();
  unsynced_bytes_ = 0;
  auto job = [this]() -> Result<> {
    TRY_VOID(file_.bytes->sync());
    return file_.index->sync();
  };
  co_return co_await rt::on_disk(log_->host_.disk(), Lane::kSync, std::move(job));
}

rt::Task<Result<>> DiskSnapshotWriter::commit(std::uint32_t db, std::uint64_t keys) {
  CHECK(!is_committed_);
  if (bytes() == 0) co_return fail(Errc::kRejected, "the snapshot holds not a byte");
  CO_TRY_VOID(co_await sync());
  Snapshot snapshot{.at = at_,
                    .db = db,
                    .bytes = bytes(),
                    .keys = keys,
                    .wall_ms = log_->host_.clock().wall_ms(),
                    .file_name = name_};
  CO_TRY_VOID(co_await log_->commit_snapshot(std::move(snapshot), cuts_seen_));
  is_committed_ = true;
  co_return Result<>{};
}

rt::Task<Result<std::unique_ptr<SnapshotReader>>> SnapshotReader::open(std::shared_ptr<DiskLog> log,
                                                                       Snapshot snapshot) {
  std::uint64_t entries = 0;
  auto job = [&log, &snapshot, &entries]() -> Result<BlockFile> {
    const auto names = names_of(snapshot.file_name);
    TRY(auto file, open_block_file(*log->directory_, names, {}, rt::OpenMode::kRead));
    TRY(entries, file.entries_on_disk());
    return file;
  };
  CO_TRY(auto file, co_await rt::on_disk(log->host_.disk(), Lane::kRead, std::move(job)));
  co_return std::make_unique<SnapshotReader>(log, std::move(snapshot), std::move(file), entries);
}

SnapshotReader::SnapshotReader(std::shared_ptr<DiskLog> log, Snapshot snapshot, BlockFile file,
                               std::uint64_t entries)
    : log_(std::move(log)),
      snapshot_(std::move(snapshot)),
      file_(std::move(file)),
      entries_(entries) {}

rt::Task<Result<Reader::Chunk>> SnapshotReader::next(std::size_t bytes_max) {
  CHECK(bytes_max > 0);
  if (cancelled_) co_return fail(Errc::kCancelled, "the reader was cancelled");
  if (log_->stopped_) co_return fail(*log_->stopped_, "the log is closed");
  if (at_.bytes() >= snapshot_.bytes) co_return fail(Errc::kNotFound, "the snapshot ends here");
  const std::uint64_t left = snapshot_.bytes - at_.bytes();
  std::size_t count = std::min<std::size_t>(bytes_max, left);
  const auto known = log_->verified_snapshots_.find(snapshot_.file_name);
  const bool is_verified =
      known != log_->verified_snapshots_.end() && known->second.contains(at_, at_ + count);
  if (is_verified && file_.bytes->is_cached(at_.bytes(), count)) {
    co_return Chunk{file_.bytes.get(), at_.bytes(), count};
  }

  count = std::min(count, kVerifyBytes);
  const SegmentExtent extent{{}, repl::Offset{snapshot_.bytes}, entries_, 0};
  auto job = [this, &extent, to = at_ + count] { return check_units(file_, extent, at_, to); };
  const Checked checked = co_await rt::on_disk(log_->host_.disk(), Lane::kRead, std::move(job));
  if (checked.sound_to <= at_) co_return tl::unexpected(*checked.damage);
  const auto still = log_->verified_snapshots_.find(snapshot_.file_name);
  if (!checked.damage && still != log_->verified_snapshots_.end()) {
    still->second.add(Verified::unit_start({}, at_), checked.sound_to);
  }
  count = static_cast<std::size_t>(std::min(checked.sound_to, at_ + count) - at_);
  co_return Chunk{file_.bytes.get(), at_.bytes(), count};
}

}  // namespace sluice::replog
