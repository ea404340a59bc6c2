#include "replog/stream_files.h"

#include <algorithm>

#include "replog/file_names.h"

namespace sluice::replog {
namespace {

// The entry is to be believed, so its block is checked first.
Result<BlockEntry> sound_entry(const BlockFile& file, std::uint64_t number) {
  BlockWalk walk(file, number, number + 1);
  TRY(const auto block, walk.next());
  return block->entry;
}

// How many of the first `entries` of `file` have their mark at or before `at`. Marks never go back
// along a stream.
Result<std::uint64_t> count_marked(const BlockFile& file, std::uint64_t entries, repl::Offset at) {
  std::uint64_t low = 0;
  std::uint64_t high = entries;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    TRY(const auto probe, file.entry(middle));
    if (probe.known_mark.offset <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The last entry whose mark is at or before `at`.
Result<std::optional<BlockEntry>> entry_with_mark(rt::Directory& directory,
                                                  const StreamExtent& extent, repl::Offset at) {
  std::size_t low = 0;  // so many segments begin with such an entry
  std::size_t high = extent.segments.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const SegmentExtent& segment = extent.segments[middle];
    bool begins_marked = false;
    if (segment.entries > 0 && segment.start <= at) {
      TRY(const auto file, open_segment(directory, segment.start, rt::OpenMode::kRead));
      TRY(const auto first, file.entry(0));
      begins_marked = first.known_mark.offset <= at;
    }
    if (begins_marked) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  const SegmentExtent& segment = extent.segments[low - 1];
  TRY(const auto file, open_segment(directory, segment.start, rt::OpenMode::kRead));
  TRY(const auto count, count_marked(file, segment.entries, at));
  if (count == 0) return std::nullopt;
  TRY(const auto entry, sound_entry(file, count - 1));
  return entry;
}

// The number of the first block of `file` received after `wall_ms`.
Result<std::uint64_t> first_after(const BlockFile& file, std::uint64_t entries,
                                  std::int64_t wall_ms) {
  std::uint64_t low = 0;
  std::uint64_t high = entries;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    TRY(const auto probe, file.entry(middle));
    if (probe.wall_ms > wall_ms) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

Error removed(repl::Offset at) {
  return {Errc::kNotFound,
          "no mark at or before offset " + std::to_string(at.bytes()) + " can be read back"};
}

}  // namespace

std::size_t StreamExtent::holding(repl::Offset at) const {
  CHECK(!segments.empty());
  const auto after = std::ranges::upper_bound(segments, at, {}, &SegmentExtent::start);
  return after == segments.begin() ? 0 : static_cast<std::size_t>(after - segments.begin() - 1);
}

Result<BlockFile> open_segment(rt::Directory& directory, repl::Offset start, rt::OpenMode mode) {
  const BlockFileNames names{segment_name(start), segment_index_name(start)};
  return open_block_file(directory, names, start, mode);
}

StreamWalk::StreamWalk(rt::Directory& directory, const StreamExtent& extent, repl::Offset from)
    : directory_(directory), extent_(extent), at_(from), segment_(extent.holding(from)) {}

Result<std::optional<BlockWalk::Block>> StreamWalk::next() {
  while (at_ < extent_.end()) {
    if (!blocks_) TRY_VOID(enter_segment());
    TRY(auto block, blocks_->next());
    if (block) {
      at_ = block->entry.end();
      return block;
    }
    if (at_ != extent_.segments[segment_].end) {
      return tl::unexpected(file_->damage(at_, "the index ends here"));
    }
    blocks_.reset();
    ++segment_;
  }
  return std::nullopt;
}

Result<> StreamWalk::enter_segment() {
  const SegmentExtent& segment = extent_.segments[segment_];
  TRY(auto file, open_segment(directory_, segment.start, rt::OpenMode::kRead));
  file_ = std::make_unique<BlockFile>(std::move(file));
  std::uint64_t first = 0;
  if (at_ != segment.start) {
    TRY(first, file_->find(at_, segment.entries));
  }
  blocks_.emplace(*file_, first, segment.entries);
  return {};
}

Result<> scan(rt::Directory& directory, const StreamExtent& extent, repl::StreamScanner& scanner,
              repl::Offset to) {
  StreamWalk walk(directory, extent, scanner.end());
  while (scanner.end() < to) {
    TRY(const auto block, walk.next());
    if (!block) return tl::unexpected(removed(to));
    if (block->entry.offset > scanner.end()) return tl::unexpected(removed(scanner.end()));
    const auto skipped = static_cast<std::size_t>(scanner.end() - block->entry.offset);
    const auto count = static_cast<std::size_t>(to - block->entry.offset);
    TRY_VOID(scanner.feed(block->bytes.substr(0, count).substr(skipped)));
  }
  return {};
}

Result<repl::Mark> known_mark(rt::Directory& directory, const StreamExtent& extent,
                              repl::Offset at) {
  if (at < extent.begin() || at > extent.end()) return tl::unexpected(removed(at));
  TRY(const auto entry, entry_with_mark(directory, extent, at));
  if (entry && entry->known_mark.offset >= extent.begin()) return entry->known_mark;
  const auto after = std::ranges::upper_bound(extent.marks, at, {}, &repl::Mark::offset);
  const bool is_there = after != extent.marks.begin() && std::prev(after)->offset >= extent.begin();
  if (!is_there) return tl::unexpected(removed(at));
  return *std::prev(after);
}

Result<repl::Mark> mark_at(rt::Directory& directory, const StreamExtent& extent, repl::Offset at) {
  TRY(const auto from, known_mark(directory, extent, at));
  repl::StreamScanner scanner(from);
  TRY_VOID(scan(directory, extent, scanner, at));
  return scanner.boundary();
}

Result<repl::Mark> mark_at_time(rt::Directory& directory, const StreamExtent& extent,
                                std::int64_t wall_ms) {
  // The first segment whose last block is younger holds the answer, or the one before it does.
  auto segment = std::ranges::upper_bound(extent.segments, wall_ms, {}, &SegmentExtent::wall_ms);
  repl::Offset at = extent.end();
  if (segment != extent.segments.end()) {
    TRY(const auto file, open_segment(directory, segment->start, rt::OpenMode::kRead));
    TRY(const auto number, first_after(file, segment->entries, wall_ms));
    TRY(const auto younger, file.entry(number));
    at = younger.offset;
  }
  const bool is_at_mark =
      std::ranges::any_of(extent.marks, [at](const repl::Mark& each) { return each.offset == at; });
  if (at == extent.begin() && !is_at_mark) return tl::unexpected(removed(at));
  return mark_at(directory, extent, at);
}

}  // namespace sluice::replog
