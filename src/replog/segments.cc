#include "replog/segments.h"

#include <algorithm>

namespace sluice::replog {

Segments::Segments(const StreamExtent& found) {
  replace(found);
}

std::uint64_t Segments::bytes_on_disk() const {
  std::uint64_t bytes = 0;
  for (const auto& each : segments_) {
    bytes += each.extent.end - each.extent.start + each.extent.entries * kEntryBytes;
  }
  return bytes;
}

Segment& Segments::holding(repl::Offset at) {
  const auto after = std::ranges::upper_bound(
      segments_, at, {}, [](const Segment& each) { return each.extent.start; });
  CHECK(after != segments_.begin());
  return *(after - 1);
}

std::vector<SegmentExtent> Segments::extents() const {
  std::vector<SegmentExtent> extents;
  extents.reserve(segments_.size());
  for (const auto& each : segments_) extents.push_back(each.extent);
  return extents;
}

void Segments::grow(const Tail& tail) {
  SegmentExtent& extent = segments_.back().extent;
  extent.end = tail.end;
  extent.entries = tail.entries;
  extent.wall_ms = tail.wall_ms;
}

void Segments::add(repl::Offset start, std::shared_ptr<BlockFile> file) {
  CHECK(segments_.empty() || segments_.back().extent.end == start);
  segments_.push_back({{start, start, 0, 0}, Verified(start, start), nullptr});
  use(start, std::move(file));
}

void Segments::drop_before(repl::Offset begin) {
  while (segments_.size() > 1 && segments_.front().extent.end <= begin) segments_.pop_front();
  forget_closed();
}

void Segments::replace(const StreamExtent& found) {
  segments_.clear();
  for (const auto& each : found.segments) {
    segments_.push_back({each, Verified(each.start, each.end), nullptr});
  }
  forget_closed();
}

void Segments::use(repl::Offset start, std::shared_ptr<BlockFile> file) {
  Segment& segment = holding(start);
  CHECK(segment.extent.start == start);
  if (segment.file) {
    used_.splice(used_.begin(), used_, std::ranges::find(used_, start));
    return;
  }
  segment.file = std::move(file);
  used_.push_front(start);
  if (used_.size() <= kOpenMax) return;
  auto oldest = std::prev(used_.end());
  if (*oldest == last().extent.start) --oldest;
  holding(*oldest).file.reset();
  used_.erase(oldest);
}

void Segments::forget_closed() {
  used_.remove_if([this](repl::Offset start) {
    const bool is_there = start >= begin() && holding(start).extent.start == start;
    return !is_there || !holding(start).file;
  });
}

}  // namespace sluice::replog
