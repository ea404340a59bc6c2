#include "replog/log_reader.h"

#include <algorithm>

#include "rt/disk.h"

namespace sluice::replog {
namespace {

// Checked at once when bytes come from the device: enough to read ahead, little enough to wait for.
constexpr std::size_t kVerifyBytes = 512 * 1024;

Error gone(repl::Offset at, std::string_view why) {
  return {Errc::kNotFound, "offset " + std::to_string(at.bytes()) + ": " + std::string(why)};
}

Error interrupted() {
  return {Errc::kDiskFailed, "the disk failed while the log was being cut"};
}

}  // namespace

LogReader::LogReader(std::shared_ptr<DiskLog> log, repl::Offset at)
    : log_(std::move(log)), at_(at), cuts_seen_(log_->cuts_.size()) {}

void LogReader::cancel() {
  cancelled_ = true;
  log_->grown_.notify_all();
}

Result<> LogReader::check_place() const {
  if (cancelled_) return fail(Errc::kCancelled, "the reader was cancelled");
  if (log_->stopped_) return fail(*log_->stopped_, "the log is closed");
  for (std::size_t i = cuts_seen_; i < log_->cuts_.size(); ++i) {
    if (at_ > log_->cuts_[i])
      return tl::unexpected(gone(at_, "the history was switched before it"));
  }
  if (at_ < log_->begin()) return tl::unexpected(gone(at_, "retention took it"));
  return {};
}

rt::Task<Result<>> LogReader::wait_for_bytes() {
  for (;;) {
    CO_TRY_VOID(check_place());
    if (cuts_seen_ != log_->cuts_.size()) file_.reset();  // a file of that name may be another now
    cuts_seen_ = log_->cuts_.size();
    if (at_ < log_->readable() && !log_->cutting_) co_return Result<>{};
    co_await log_->grown_.wait();
  }
}

rt::Task<Result<Reader::Chunk>> LogReader::next(std::size_t bytes_max) {
  CHECK(bytes_max > 0);
  for (;;) {
    CO_TRY_VOID(co_await wait_for_bytes());
    const Segment& segment = log_->segments_.holding(at_);
    if (!file_ || file_->start != segment.extent.start) {
      CO_TRY_VOID(co_await open(segment.extent.start));
      continue;
    }
    const repl::Offset limit = std::min(segment.extent.end, log_->readable());
    const std::size_t count = std::min<std::size_t>(bytes_max, limit - at_);
    const std::uint64_t place = at_ - segment.extent.start;
    if (segment.verified.contains(at_, at_ + count) && file_->bytes->is_cached(place, count)) {
      co_return Chunk{file_->bytes.get(), place, count};
    }
    CO_TRY(const auto sound, co_await verify(std::min(count, kVerifyBytes)));
    if (sound > 0) co_return Chunk{file_->bytes.get(), place, sound};
  }
}

rt::Task<Result<>> LogReader::open(repl::Offset start) {
  file_ = log_->segments_.holding(at_).file;
  if (!file_) {
    auto job = [this, start] {
      return open_segment(*log_->directory_, start, rt::OpenMode::kRead);
    };
    auto opened = co_await rt::on_disk(log_->host_.disk(), rt::Lane::kRead, std::move(job));
    CO_TRY_VOID(check_place());
    if (log_->cutting_ || cuts_seen_ != log_->cuts_.size()) co_return Result<>{};
    if (!opened && log_->cut_failed_) co_return tl::unexpected(interrupted());
    if (!opened) co_return tl::unexpected(std::move(opened).error());
    file_ = std::make_shared<BlockFile>(*std::move(opened));
  }
  log_->segments_.use(start, file_);
  co_return Result<>{};
}

// How many bytes from at_ on are sound now, at most `count`; 0 if that has to be asked again. Bytes of a block that may still grow
// were written an instant ago and are taken as they are.
rt::Task<Result<std::size_t>> LogReader::verify(std::size_t count) {
  const StreamExtent settled = log_->settled_extent();
  const SegmentExtent extent = settled.segments[settled.holding(at_)];
  if (at_ >= extent.end) co_return count;
  const auto file = file_;
  const repl::Offset to = std::min(at_ + count, extent.end);
  auto job = [&file, &extent, from = at_, to] { return check_units(*file, extent, from, to); };
  const Checked checked = co_await rt::on_disk(log_->host_.disk(), rt::Lane::kRead, std::move(job));
  CO_TRY_VOID(check_place());
  if (log_->cutting_ || cuts_seen_ != log_->cuts_.size()) co_return std::size_t{0};
  if (checked.sound_to <= at_)
    co_return tl::unexpected(log_->cut_failed_ ? interrupted() : *checked.damage);
  if (!checked.damage) {
    Segment& segment = log_->segments_.holding(at_);
    segment.verified.add(Verified::unit_start(extent.start, at_), checked.sound_to);
  }
  co_return std::min(checked.sound_to, to) - at_;
}

}  // namespace sluice::replog
