#include "replog/disk_log.h"

#include <algorithm>
#include <utility>

#include "replog/append_job.h"
#include "replog/file_names.h"
#include "replog/log_reader.h"
#include "replog/snapshot_file.h"
#include "rt/disk.h"

namespace sluice::replog {
namespace {

using rt::Lane;

Error disk_has_failed() {
  return {Errc::kDiskFailed, "the log takes no more bytes since its disk failed"};
}

// Read back at once: some milliseconds of a lane that others wait for.
constexpr std::uint64_t kFollowBytesMax = 8ULL << 20;

Result<> sync_files(const std::vector<std::shared_ptr<BlockFile>>& files,
                    rt::Directory* directory) {
  for (const auto& file : files) {
    TRY_VOID(file->bytes->sync());
    TRY_VOID(file->index->sync());
  }
  return directory != nullptr ? directory->sync() : Result<>{};
}

}  // namespace

DiskLog::DiskLog(rt::Host& host, std::unique_ptr<rt::Directory> directory, RecoveredLineage found,
                 LogOptions options, Access access)
    : host_(host),
      directory_(std::move(directory)),
      options_(options),
      access_(access),
      file_(std::move(found.file)),
      segments_(found.extent),
      scanner_(found.scanner),
      synced_(found.extent.end()),
      grown_(host.loop(), host.clock()),
      progress_(host.loop(), host.clock()),
      gate_(host) {
  const SegmentExtent& last = segments_.last().extent;
  tail_ = Tail{.end = last.end, .entries = last.entries, .wall_ms = last.wall_ms, .open = {}};
  history_ = {file_.id(), {segments_.begin(), segments_.end()}, inherited(file_)};
  for (const auto& each : file_.snapshots) {
    verified_snapshots_.emplace(each.file_name, Verified({}, repl::Offset{each.bytes}));
  }
}

repl::Offset DiskLog::durable() const {
  return options_.fsync == Fsync::kOs && !failed_ ? end() : synced_;
}

std::uint64_t DiskLog::bytes_on_disk() const {
  std::uint64_t bytes = segments_.bytes_on_disk();
  for (const auto& each : file_.snapshots) bytes += each.bytes;
  return bytes;
}

Result<> DiskLog::check_open() const {
  if (stopped_) return fail(*stopped_, "the log is closed");
  if (failed_) return tl::unexpected(disk_has_failed());
  return {};
}

Result<> DiskLog::check_writable() const {
  if (access_ == Access::kReadOnly) return fail(Errc::kRejected, "the log was opened to be read");
  return check_open();
}

rt::Task<Result<>> DiskLog::append(std::string_view bytes, ByteSource* source) {
  CHECK(!appending_);
  CO_TRY_VOID(check_writable());
  if (bytes.empty()) co_return Result<>{};
  appending_ = true;
  auto outcome = co_await append_now(bytes, source);
  appending_ = false;
  progress_.notify_all();
  if (outcome && options_.fsync == Fsync::kAlways) outcome = co_await sync();
  co_return outcome;
}

rt::Task<Result<>> DiskLog::append_now(std::string_view bytes, ByteSource* source) {
  const std::uint64_t held = tail_.end - segments_.last().extent.start;
  if (held >= options_.segment_bytes.bytes) {
    CO_TRY_VOID(co_await roll());
  } else if (!tail_file_) {
    CO_TRY_VOID(co_await open_tail());
  }
  while (sync_is_due_) co_await progress_.wait();
  CO_TRY_VOID(check_open());
  writing_ = true;
  auto outcome = co_await write(bytes, source);
  writing_ = false;
  progress_.notify_all();
  if (!outcome && outcome.error().code == Errc::kDiskFailed) co_await fail_for_good();
  co_return outcome;
}

rt::Task<Result<>> DiskLog::write(std::string_view bytes, ByteSource* source) {
  const auto file = tail_file_;
  const AppendLimits limits{.segment_bytes = options_.segment_bytes.bytes,
                            .follow_bytes = may_follow()};
  AppendJob append(*file, tail_, scanner_, host_.clock(), limits);
  const repl::Offset durable = synced_;
  auto job = [&append, source, bytes, durable] { return append.run(bytes, source, durable); };
  auto outcome = co_await rt::on_disk(host_.disk(), Lane::kAppend, std::move(job));
  tail_ = append.tail();
  followed_ += append.followed();
  if (append.followed() > 0) scanner_ = append.scanner();
  segments_.grow(tail_);
  history_.held.end = tail_.end;
  grown_.notify_all();
  co_return outcome;
}

// How many bytes are left of those that are followed in this second.
std::uint64_t DiskLog::may_follow() {
  const auto second = std::chrono::floor<std::chrono::seconds>(host_.clock().now().since_start);
  if (second != following_since_) followed_ = 0;
  following_since_ = second;
  return options_.followed_per_second.bytes - followed_;
}

rt::Task<Result<repl::Mark>> DiskLog::last_mark() {
  const auto self = shared_from_this();  // its archive may drop it meanwhile
  const repl::Offset wanted = end();
  while (scanner_.end() < std::min(wanted, end())) {
    CO_TRY_VOID(co_await follow_on());
  }
  co_return scanner_.boundary();
}

// Reads on where following stopped, a part of what is settled. Appends go on meanwhile, and do not
// follow what they add: the scanner is ours until it has reached the end.
rt::Task<Result<>> DiskLog::follow_on() {
  CO_TRY_VOID(check_open());
  if (gives_up_waiting_) co_return fail(Errc::kCancelled, "stopping");
  const StreamExtent extent = settled_extent();
  const repl::Offset from = scanner_.end();
  if (following_ || cutting_ || extent.end() <= from) {
    co_await progress_.wait();
    co_return Result<>{};
  }
  following_ = true;
  const auto cuts_seen = cuts_.size();
  const repl::Offset to = std::min(from + kFollowBytesMax, extent.end());
  auto scanner = scanner_;
  auto job = [this, &extent, &scanner, to] { return scan(*directory_, extent, scanner, to); };
  auto scanned = co_await rt::on_disk(host_.disk(), Lane::kRead, std::move(job));
  following_ = false;
  progress_.notify_all();
  if (cutting_ || cuts_seen != cuts_.size()) co_return Result<>{};
  scanner_ = scanner;
  co_return scanned;
}

rt::Task<Result<>> DiskLog::open_tail() {
  const repl::Offset start = segments_.last().extent.start;
  auto job = [this, start] { return open_segment(*directory_, start, rt::OpenMode::kReadWrite); };
  auto opened = co_await rt::on_disk(host_.disk(), Lane::kAppend, std::move(job));
  if (!opened) co_return tl::unexpected(std::move(opened).error());
  tail_file_ = std::make_shared<BlockFile>(*std::move(opened));
  unsynced_.push_back(tail_file_);
  co_return Result<>{};
}

// Recovery looks for torn bytes in the last two segments alone, so a third one may not begin before
// all of the first, and the name of the second, are durable.
rt::Task<Result<>> DiskLog::roll() {
  while (synced_ < segments_.last().extent.start || names_unsynced_) {
    CO_TRY_VOID(co_await sync_once());
  }
  const repl::Offset start = tail_.end;
  auto job = [this, start] { return open_segment(*directory_, start, rt::OpenMode::kCreateEmpty); };
  auto opened = co_await rt::on_disk(host_.disk(), Lane::kAppend, std::move(job));
  if (!opened) co_return tl::unexpected(std::move(opened).error());
  tail_file_ = std::make_shared<BlockFile>(*std::move(opened));
  unsynced_.push_back(tail_file_);
  names_unsynced_ = true;
  segments_.add(start, tail_file_);
  tail_ = Tail{.end = start, .entries = 0, .wall_ms = tail_.wall_ms, .open = {}};
  if (!gate_.is_closing()) gate_.spawn(sync_rolled());
  co_return Result<>{};
}

rt::Task<void> DiskLog::sync_rolled() {
  [[maybe_unused]] const auto outcome = co_await sync();  // failed() says it
}

rt::Task<Result<>> DiskLog::sync() {
  const auto self = shared_from_this();  // its archive may drop it meanwhile
  const repl::Offset wanted = end();
  while (synced_ < wanted) {
    CO_TRY_VOID(co_await sync_once());
  }
  co_return failed_ ? Result<>(tl::unexpected(disk_has_failed())) : Result<>{};
}

// Syncs once, or waits for a sync under way. The last entry is sealed first: it would else be
// rewritten by the next append after it has become durable, and a power cut in the midst of that
// could lose bytes that were acknowledged.
rt::Task<Result<>> DiskLog::sync_once() {
  if (failed_) co_return tl::unexpected(disk_has_failed());
  if (syncing_) {
    co_await progress_.wait();
    co_return Result<>{};
  }
  syncing_ = true;
  sync_is_due_ = true;
  while (writing_) co_await progress_.wait();
  sync_is_due_ = false;
  const repl::Offset target = tail_.end;
  tail_.seal();
  const auto files = unsynced_;
  rt::Directory* directory = std::exchange(names_unsynced_, false) ? directory_.get() : nullptr;
  progress_.notify_all();

  auto job = [&files, directory] { return sync_files(files, directory); };
  auto outcome = co_await rt::on_disk(host_.disk(), Lane::kSync, std::move(job));
  syncing_ = false;
  if (outcome) {
    // After a failure the next start was told not to trust what lies past synced_.
    if (!failed_) synced_ = std::max(synced_, target);
    std::erase_if(unsynced_, [&](const auto& each) {
      return each != tail_file_ && std::ranges::find(files, each) != files.end();
    });
  } else {
    if (outcome.error().code != Errc::kCancelled) outcome.error().code = Errc::kDiskFailed;
    co_await fail_for_good();
  }
  progress_.notify_all();
  co_return outcome;
}

// What a failed write or sync left in the page cache may never reach the disk (the kernel marks
// the pages clean), yet the next start would read it from there: so that start is told.
rt::Task<void> DiskLog::fail_for_good() {
  if (std::exchange(failed_, true)) co_return;
  const std::string name = distrust_name(synced_);
  auto job = [this, &name]() -> Result<> {
    TRY_VOID(directory_->open(name, rt::OpenMode::kCreate));
    return directory_->sync();
  };
  [[maybe_unused]] const auto marked =
      co_await rt::on_disk(host_.disk(), Lane::kAppend, std::move(job));
  grown_.notify_all();
}

std::unique_ptr<Reader> DiskLog::read_from(repl::Offset at) {
  return std::make_unique<LogReader>(shared_from_this(), at);
}

StreamExtent DiskLog::settled_extent() {
  if (!writing_) tail_.seal();
  StreamExtent extent{.segments = segments_.extents(), .marks = file_.marks()};
  if (tail_.open) {
    SegmentExtent& last = extent.segments.back();
    last.end = tail_.open->entry.offset;
    --last.entries;
  }
  return extent;
}

rt::Task<Result<repl::Mark>> DiskLog::mark_at(repl::Offset at) {
  while (writing_ || cutting_) co_await progress_.wait();
  const StreamExtent extent = settled_extent();
  auto job = [this, &extent, at] { return replog::mark_at(*directory_, extent, at); };
  co_return co_await rt::on_disk(host_.disk(), Lane::kRead, std::move(job));
}

rt::Task<Result<repl::Mark>> DiskLog::mark_at_time(std::int64_t wall_ms) {
  while (writing_ || cutting_) co_await progress_.wait();
  const StreamExtent extent = settled_extent();
  auto job = [this, &extent, wall_ms] {
    return replog::mark_at_time(*directory_, extent, wall_ms);
  };
  co_return co_await rt::on_disk(host_.disk(), Lane::kRead, std::move(job));
}

rt::Task<void> DiskLog::close() {
  return stop(Errc::kCancelled);
}

rt::Task<void> DiskLog::retire() {
  return stop(Errc::kNotFound);
}

// An orderly end writes down how far the stream is durable, so that the next start can tell damage
// from a torn tail.
rt::Task<void> DiskLog::stop(Errc reason) {
  if (stopped_) co_return;
  stopped_ = reason;
  grown_.notify_all();
  progress_.notify_all();
  while (appending_) co_await progress_.wait();
  if (!failed_ && access_ == Access::kWrite) {
    const auto synced = co_await sync();
    const auto held = co_await turn();
    LineageFile last = file_;
    last.durable = synced_;
    if (synced) {
      [[maybe_unused]] const auto saved = co_await save(std::move(last));
    }
  }
  gate_.close();
  co_await gate_.closed();
}

}  // namespace sluice::replog
