// The segments of a stream as files: reading blocks across them, and finding marks. Blocking.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "repl/stream_scanner.h"
#include "replog/block_file.h"
#include "rt/file.h"

namespace sluice::replog {

// What is sound, or was when it was written, of one segment. Only the last one may be empty, or
// any other's end differ from the next one's start.
struct SegmentExtent {
  repl::Offset start;
  repl::Offset end;
  std::uint64_t entries = 0;
  std::int64_t wall_ms = 0;  // of its last block
  friend bool operator==(const SegmentExtent&, const SegmentExtent&) = default;
};

// A stream as far as it may be read: nothing past `segments` is touched, so it may grow meanwhile.
struct StreamExtent {
  std::vector<SegmentExtent> segments;  // at least one
  std::vector<repl::Mark> marks;        // that need no index: where snapshots stand; in order

  repl::Offset begin() const { return segments.front().start; }
  repl::Offset end() const { return segments.back().end; }
  // The place in `segments` of the one that holds `at`, or ends there if it is the last.
  std::size_t holding(repl::Offset at) const;
};

Result<BlockFile> open_segment(rt::Directory& directory, repl::Offset start, rt::OpenMode mode);

// Blocks in their order, from the one that holds `from`. Memory: O(1). Both must outlive it.
class StreamWalk {
 public:
  StreamWalk(rt::Directory& directory, const StreamExtent& extent, repl::Offset from);

  // Nothing at the end of the extent. kCorrupt, kNotFound (removed meanwhile): the walk is over.
  Result<std::optional<BlockWalk::Block>> next();

 private:
  Result<> enter_segment();

  rt::Directory& directory_;
  const StreamExtent& extent_;
  repl::Offset at_;
  std::size_t segment_;
  std::unique_ptr<BlockFile> file_;
  std::optional<BlockWalk> blocks_;
};

// Feeds [scanner.end(), to) to `scanner`.
Result<> scan(rt::Directory& directory, const StreamExtent& extent, repl::StreamScanner& scanner,
              repl::Offset to);

// A mark at or before `at`, as near as can be told without following the stream. kNotFound: none.
Result<repl::Mark> known_mark(rt::Directory& directory, const StreamExtent& extent,
                              repl::Offset at);

// The last mark at or before `at`. kNotFound: none that can be read back.
Result<repl::Mark> mark_at(rt::Directory& directory, const StreamExtent& extent, repl::Offset at);

// The newest mark whose bytes, and all before it, had been received at `wall_ms`, to the grain of
// a block. kNotFound: everything here is younger.
Result<repl::Mark> mark_at_time(rt::Directory& directory, const StreamExtent& extent,
                                std::int64_t wall_ms);

}  // namespace sluice::replog
