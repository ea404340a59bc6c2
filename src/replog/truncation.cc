#include "replog/truncation.h"

#include <algorithm>

#include "replog/file_names.h"

namespace sluice::replog {
namespace {

Result<> remove_if_there(rt::Directory& directory, const std::string& name) {
  const auto removed = directory.remove(name);
  if (!removed && removed.error().code != Errc::kNotFound) return removed;
  return {};
}

// The entry of a block that ends early: the bytes are those it was checked with.
BlockEntry shortened(const BlockWalk::Block& block, repl::Offset at, repl::Mark mark) {
  BlockEntry entry = block.entry;
  entry.length = static_cast<std::uint32_t>(at - entry.offset);
  entry.known_mark = mark;
  Crc32c crc;
  crc.extend(block.bytes.substr(0, entry.length));
  entry.crc32c = seal(entry, crc);
  return entry;
}

}  // namespace

std::vector<repl::Offset> segment_starts(const std::vector<std::string>& names) {
  std::vector<repl::Offset> starts;
  for (const auto& name : names) {
    if (const auto start = segment_start(name)) starts.push_back(*start);
  }
  std::ranges::sort(starts);
  return starts;
}

Result<> remove_segment(rt::Directory& directory, repl::Offset start) {
  TRY_VOID(remove_if_there(directory, segment_name(start)));
  return remove_if_there(directory, segment_index_name(start));
}

Result<> cut_files(rt::Directory& directory, const std::vector<repl::Offset>& starts,
                   repl::Offset keep_start, const Tail& tail) {
  for (auto start = starts.rbegin(); start != starts.rend() && *start > keep_start; ++start) {
    TRY_VOID(remove_segment(directory, *start));
  }
  TRY_VOID(directory.sync());
  TRY(auto file, open_segment(directory, keep_start, rt::OpenMode::kCreate));
  TRY_VOID(truncate(file, tail));
  TRY_VOID(file.bytes->sync());
  TRY_VOID(file.index->sync());
  return directory.sync();
}

Result<Cut> plan_cut(rt::Directory& directory, const StreamExtent& extent, repl::Offset at) {
  CHECK(extent.begin() <= at && at <= extent.end());
  std::size_t number = extent.holding(at);
  if (at == extent.segments[number].start && number > 0) --number;
  const SegmentExtent& segment = extent.segments[number];
  Cut cut{.at = at, .segment = segment.start, .entries = 0, .last = {}};
  if (at == segment.start) return cut;
  TRY(const auto file, open_segment(directory, segment.start, rt::OpenMode::kRead));
  TRY(const auto divided, file.find(repl::Offset{at.bytes() - 1}, segment.entries));
  BlockWalk walk(file, divided, divided + 1);
  TRY(const auto block, walk.next());
  cut.entries = divided + 1;
  TRY(const auto mark, known_mark(directory, extent, at));
  cut.last = shortened(*block, at, mark);
  return cut;
}

Result<> cut_stream(rt::Directory& directory, const Cut& cut) {
  if (cut.entries > 0) {
    TRY(auto file, open_segment(directory, cut.segment, rt::OpenMode::kReadWrite));
    const EntryText text = encode(cut.last);
    TRY_VOID(file.index->write_at((cut.entries - 1) * kEntryBytes, {text.data(), text.size()}));
    TRY_VOID(file.index->sync());
  }
  Tail tail;
  tail.end = cut.at;
  tail.entries = cut.entries;
  TRY(const auto names, directory.list());
  return cut_files(directory, segment_starts(names), cut.segment, tail);
}

Result<> copy_stream(rt::Directory& directory, const StreamExtent& extent, repl::Offset from,
                     const std::string& name) {
  TRY(auto copy, directory.open(name, rt::OpenMode::kCreateEmpty));
  StreamWalk walk(directory, extent, from);
  std::uint64_t at = 0;
  for (;;) {
    TRY(const auto block, walk.next());
    if (!block) break;
    const auto skipped = from - std::min(from, block->entry.offset);
    const auto bytes = block->bytes.substr(static_cast<std::size_t>(skipped));
    TRY_VOID(copy->write_at(at, bytes));
    at += bytes.size();
  }
  TRY_VOID(copy->sync());
  return directory.sync();
}

}  // namespace sluice::replog
