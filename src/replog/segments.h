// The segments of a log in use: where each begins and ends, what of it is verified, which are open.
#pragma once

#include <deque>
#include <list>
#include <memory>

#include "replog/block_writer.h"
#include "replog/stream_files.h"
#include "replog/verified.h"

namespace sluice::replog {

struct Segment {
  SegmentExtent extent;
  Verified verified;
  std::shared_ptr<BlockFile> file;  // owned by us while in use, and by readers in the midst of it
};

// About 100 bytes per segment, and kOpenMax open files.
class Segments {
 public:
  static constexpr std::size_t kOpenMax = 16;

  explicit Segments(const StreamExtent& found);

  repl::Offset begin() const { return segments_.front().extent.start; }
  repl::Offset end() const { return segments_.back().extent.end; }
  const Segment& last() const { return segments_.back(); }
  std::size_t count() const { return segments_.size(); }
  const std::deque<Segment>& all() const { return segments_; }
  std::uint64_t bytes_on_disk() const;

  // The one that holds `at`, or ends there if it is the last. Valid until add, drop or replace.
  Segment& holding(repl::Offset at);

  std::vector<SegmentExtent> extents() const;

  void grow(const Tail& tail);  // of the last one
  void add(repl::Offset start, std::shared_ptr<BlockFile> file);
  void drop_before(repl::Offset begin);
  void replace(const StreamExtent& found);

  // Remembers that the segment is open and in use now; closes the one not used for longest. The
  // last segment stays open.
  void use(repl::Offset start, std::shared_ptr<BlockFile> file);

 private:
  void forget_closed();

  std::deque<Segment> segments_;
  std::list<repl::Offset> used_;  // starts of open segments, the latest first
};

}  // namespace sluice::replog
