#include "replog/recovery.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "replog/file_names.h"
#include "replog/truncation.h"

namespace sluice::replog {
namespace {

// A segment rolls only once all before its predecessor is durable: disk_log.cc.
constexpr std::size_t kUnsettledMax = 2;

// Read at a start: some hundredths of a second.
constexpr std::uint64_t kFollowBytesMax = 64ULL << 20;

// A segment as the directory shows it, before anything of it is believed.
struct Found {
  repl::Offset start;
  std::uint64_t entries = 0;  // complete ones in the index
  std::uint64_t bytes = 0;    // of the segment
};

// One block among the unsettled segments.
struct Place {
  std::size_t segment;
  std::uint64_t number;
  BlockEntry entry;
};

Error corrupt_at(rt::Directory& directory, repl::Offset at, std::string_view what) {
  return {Errc::kCorrupt, directory.path() + "/" + segment_name(at) + ": " + std::string(what)};
}

class Recovery {
 public:
  Recovery(rt::Directory& directory, Repair repair) : directory_(directory), repair_(repair) {}

  Result<RecoveredLineage> run() {
    TRY(lineage_.file, load_lineage(directory_));
    if (may_change()) TRY_VOID(finish_cut());
    TRY(names_, directory_.list());
    if (may_change()) TRY_VOID(remove_leftovers());
    TRY_VOID(find_segments());
    TRY_VOID(settle_first());
    TRY_VOID(find_end());
    TRY_VOID(check_end());
    if (may_change()) TRY_VOID(cut_tail());
    TRY_VOID(drop_lost());
    TRY_VOID(follow());
    return std::move(lineage_);
  }

 private:
  bool may_change() const { return repair_ == Repair::kCut; }
  std::size_t first_unsettled() const {
    return found_.size() - std::min(found_.size(), kUnsettledMax);
  }

  void note(const std::string& sentence) {
    lineage_.note += (lineage_.note.empty() ? "" : " ") + sentence;
  }

  Result<> finish_cut();
  Result<> remove_leftovers();
  bool is_leftover(const std::string& name) const;
  Result<> find_segments();
  Result<Found> look_at(repl::Offset start) const;
  Result<SegmentExtent> settled(std::size_t segment) const;
  Result<> settle_first();
  Result<std::optional<Place>> last_sound() const;
  Result<> sound_until(repl::Offset durable, const Place& last);
  Result<SegmentExtent> sound_part(const Found& found, std::uint64_t entries,
                                   repl::Offset durable) const;
  Result<> find_end();
  Result<> check_end() const;
  Result<> cut_tail();
  Result<> sync_tail();
  Result<> write_again(const SegmentExtent& segment);
  Result<> drop_lost();
  Result<> follow();
  Result<bool> is_whole(const Snapshot& snapshot) const;

  rt::Directory& directory_;
  const Repair repair_;
  std::vector<std::string> names_;
  std::vector<Found> found_;
  std::optional<repl::Offset> distrusted_;
  repl::Offset believed_;  // durable, says the last sound block
  RecoveredLineage lineage_;
};

Result<> Recovery::finish_cut() {
  if (!lineage_.file.cut) return {};
  TRY_VOID(cut_stream(directory_, *lineage_.file.cut));
  note("A switch of history was finished at offset " +
       std::to_string(lineage_.file.cut->at.bytes()) + ".");
  lineage_.file.cut.reset();
  return save_lineage(directory_, lineage_.file);
}

// What a crash left behind: half-written metadata, snapshots that were not complete, segments that
// retention had given up.
bool Recovery::is_leftover(const std::string& name) const {
  if (name.ends_with(".tmp")) return true;
  if (const auto start = segment_start(name)) return *start < lineage_.file.begin;
  if (name.ends_with(".idx")) {
    const std::string segment = name.substr(0, name.size() - 4) + ".log";
    const auto start = segment_start(segment);
    if (start && *start < lineage_.file.begin) return true;
    return !std::ranges::binary_search(names_, segment);
  }
  if (name.starts_with("diverged-")) {
    const auto& kept = lineage_.file.diverged;
    return std::ranges::find(kept, name) == kept.end();
  }
  if (!is_snapshot_file(name)) return false;
  return std::ranges::none_of(lineage_.file.snapshots, [&](const Snapshot& each) {
    return each.file_name == name || snapshot_index_name(each.file_name) == name;
  });
}

Result<> Recovery::remove_leftovers() {
  for (const auto& name : names_) {
    if (is_leftover(name)) TRY_VOID(directory_.remove(name));
  }
  return {};
}

Result<> Recovery::find_segments() {
  for (const auto& name : names_) {
    const auto from = distrusted_from(name);
    if (from) distrusted_ = std::min(*from, distrusted_.value_or(*from));
  }
  for (const repl::Offset start : segment_starts(names_)) {
    if (start < lineage_.file.begin) continue;
    TRY(const auto found, look_at(start));
    found_.push_back(found);
  }
  if (!found_.empty() && found_.front().start == lineage_.file.begin) return {};
  return tl::unexpected(corrupt_at(directory_, lineage_.file.begin, "the segment is missing"));
}

// A segment without an index is one that was just being made.
Result<Found> Recovery::look_at(repl::Offset start) const {
  Found found{.start = start};
  TRY(const auto segment, directory_.open(segment_name(start), rt::OpenMode::kRead));
  TRY(found.bytes, segment->size());
  const auto index = directory_.open(segment_index_name(start), rt::OpenMode::kRead);
  if (!index && index.error().code == Errc::kNotFound) return found;
  if (!index) return tl::unexpected(index.error());
  TRY(const auto index_bytes, (*index)->size());
  found.entries = index_bytes / kEntryBytes;
  return found;
}

// A segment that was durable as a whole must still be whole, by its sizes and its last entry.
Result<SegmentExtent> Recovery::settled(std::size_t segment) const {
  const Found& found = found_[segment];
  const repl::Offset end = found_[segment + 1].start;
  const std::uint64_t expected = end - found.start;
  if (found.bytes != expected) {
    return tl::unexpected(corrupt_at(directory_, found.start,
                                     "it holds " + std::to_string(found.bytes) + " bytes, " +
                                         std::to_string(expected) + " were written"));
  }
  if (found.entries == 0) {
    return tl::unexpected(corrupt_at(directory_, found.start, "its index is missing"));
  }
  TRY(const auto file, open_segment(directory_, found.start, rt::OpenMode::kRead));
  TRY(const auto last, file.entry(found.entries - 1));
  if (last.end() != end) {
    return tl::unexpected(file.damage(end, "its index does not reach the end of the segment"));
  }
  return SegmentExtent{found.start, end, found.entries, last.wall_ms};
}

Result<> Recovery::settle_first() {
  for (std::size_t i = 0; i < first_unsettled(); ++i) {
    TRY(const auto extent, settled(i));
    lineage_.extent.segments.push_back(extent);
  }
  lineage_.extent.marks = lineage_.file.marks();
  return {};
}

// The last block in the unsettled segments whose checksum is right: what its entry claims is true.
Result<std::optional<Place>> Recovery::last_sound() const {
  for (std::size_t i = found_.size(); i-- > first_unsettled();) {
    if (found_[i].entries == 0) continue;
    TRY(const auto file, open_segment(directory_, found_[i].start, rt::OpenMode::kRead));
    for (std::uint64_t number = found_[i].entries; number-- > 0;) {
      BlockWalk walk(file, number, number + 1);
      const auto block = walk.next();
      if (!block && block.error().code != Errc::kCorrupt) return tl::unexpected(block.error());
      if (!block) continue;
      const BlockEntry& entry = (*block)->entry;
      if (entry.end() <= distrusted_.value_or(entry.end())) return Place{i, number, entry};
    }
  }
  return std::nullopt;
}

// The unsettled segments up to `last` or to the first damage, which was not durable: what was is
// believed here, and checked when it is first read.
Result<> Recovery::sound_until(repl::Offset durable, const Place& last) {
  auto& segments = lineage_.extent.segments;
  for (std::size_t i = first_unsettled(); i <= last.segment; ++i) {
    const bool is_last = i == last.segment;
    if (!is_last && durable >= found_[i + 1].start) {
      TRY(const auto extent, settled(i));
      segments.push_back(extent);
      continue;
    }
    const std::uint64_t entries = is_last ? last.number + 1 : found_[i].entries;
    TRY(const auto extent, sound_part(found_[i], entries, durable));
    segments.push_back(extent);
    if (!is_last && extent.end != found_[i + 1].start) return {};
  }
  return {};
}

Result<SegmentExtent> Recovery::sound_part(const Found& found, std::uint64_t entries,
                                           repl::Offset durable) const {
  SegmentExtent extent{found.start, found.start, 0, 0};
  if (entries == 0) return extent;
  TRY(const auto file, open_segment(directory_, found.start, rt::OpenMode::kRead));
  if (durable > found.start) {
    TRY(extent.entries, file.find(repl::Offset{durable.bytes() - 1}, entries));
  }
  BlockWalk walk(file, extent.entries, entries);
  for (;;) {
    const auto block = walk.next();
    const bool is_lost = !block && extent.end < durable && durable > found.start;
    if (is_lost || (!block && block.error().code != Errc::kCorrupt)) {
      return tl::unexpected(block.error());
    }
    if (!block || !*block) return extent;
    extent.end = (*block)->entry.end();
    extent.wall_ms = (*block)->entry.wall_ms;
    ++extent.entries;
  }
}

Result<> Recovery::find_end() {
  const repl::Offset floor = found_[first_unsettled()].start;
  TRY(const auto last, last_sound());
  if (last) {
    believed_ = std::max(floor, last->entry.durable_claim());
    TRY_VOID(sound_until(believed_, *last));
  } else {
    lineage_.extent.segments.push_back({floor, floor, 0, 0});
  }
  std::uint64_t bytes = 0;
  for (const Found& each : found_) bytes += each.bytes;
  for (const auto& each : lineage_.extent.segments) bytes -= std::min(bytes, each.end - each.start);
  lineage_.bytes_cut = bytes;
  if (bytes > 0) {
    note(std::to_string(bytes) + " bytes past offset " +
         std::to_string(lineage_.extent.end().bytes()) + " were cut.");
  }
  return {};
}

Result<> Recovery::check_end() const {
  const repl::Offset end = lineage_.extent.end();
  if (end >= lineage_.file.durable) return {};
  const std::string what = "it is sound up to offset " + std::to_string(end.bytes()) +
                           ", but was durable up to offset " +
                           std::to_string(lineage_.file.durable.bytes());
  return tl::unexpected(corrupt_at(directory_, lineage_.extent.segments.back().start, what));
}

// Also makes what a killed keeper had written durable, so that it may be acknowledged. If that fails,
// the kernel calls the pages clean, and the sync of the next start would succeed without them: that
// start is told to write them again.
Result<> Recovery::cut_tail() {
  if (std::ranges::binary_search(names_, kUnsyncedFile)) {
    for (const auto& segment : lineage_.extent.segments) TRY_VOID(write_again(segment));
  }
  auto synced = sync_tail();
  if (!synced && synced.error().code == Errc::kDiskFailed) {
    TRY_VOID(directory_.open(kUnsyncedFile, rt::OpenMode::kCreate));
  }
  TRY_VOID(std::move(synced));
  lineage_.file.durable = lineage_.extent.end();
  auto saved = save_lineage(directory_, lineage_.file);
  if (!saved && saved.error().code != Errc::kNoSpace) return saved;  // a full disk is no reason
  // A power cut must not bring them back, when more will be durable.
  bool is_any_gone = false;
  for (const auto& name : names_) {
    if (!distrusted_from(name) && name != kUnsyncedFile) continue;
    TRY_VOID(directory_.remove(name));
    is_any_gone = true;
  }
  return is_any_gone ? directory_.sync() : Result<>{};
}

Result<> Recovery::sync_tail() {
  const auto& segments = lineage_.extent.segments;
  Tail tail;
  tail.end = lineage_.extent.end();
  tail.entries = segments.back().entries;
  for (std::size_t i = first_unsettled(); i + 1 < segments.size(); ++i) {
    TRY(auto file, open_segment(directory_, segments[i].start, rt::OpenMode::kReadWrite));
    TRY_VOID(file.bytes->sync());
    TRY_VOID(file.index->sync());
  }
  return cut_files(directory_, segment_starts(names_), segments.back().start, tail);
}

// What was checked just now: all that is not believed to be durable.
Result<> Recovery::write_again(const SegmentExtent& segment) {
  if (segment.end <= believed_ || segment.entries == 0) return {};
  TRY(const auto file, open_segment(directory_, segment.start, rt::OpenMode::kReadWrite));
  std::uint64_t number = 0;
  if (believed_ > segment.start) {
    TRY(number, file.find(repl::Offset{believed_.bytes() - 1}, segment.entries));
  }
  BlockWalk walk(file, number, segment.entries);
  for (;; ++number) {
    TRY(const auto block, walk.next());
    if (!block) return {};
    TRY_VOID(file.bytes->write_at(block->entry.offset - segment.start, block->bytes));
    const EntryText text = encode(block->entry);
    TRY_VOID(file.index->write_at(number * kEntryBytes, {text.data(), text.size()}));
  }
}

// A replid that began past the end cannot be continued, nor a snapshot from there.
Result<> Recovery::drop_lost() {
  const repl::Offset end = lineage_.extent.end();
  auto& origins = lineage_.file.origins;
  while (origins.size() > 1 && origins.back().offset > end) origins.pop_back();
  std::erase_if(lineage_.file.shared,
                [&](const repl::Position& each) { return each.id == origins.back().id; });
  std::vector<Snapshot> kept;
  for (const Snapshot& each : lineage_.file.snapshots) {
    TRY(const bool whole, is_whole(each));
    if (whole && each.at.offset <= end) {
      kept.push_back(each);
    } else {
      note("Snapshot " + each.file_name + " is not whole and is not used.");
    }
  }
  lineage_.file.snapshots = std::move(kept);
  return {};
}

// A disk that does not answer says nothing about the snapshot, which may be the only one.
Result<bool> Recovery::is_whole(const Snapshot& snapshot) const {
  const auto unless_unread = [](const Error& why) -> Result<bool> {
    if (why.code == Errc::kDiskFailed || why.code == Errc::kCancelled) return tl::unexpected(why);
    return false;
  };
  const BlockFileNames names{snapshot.file_name, snapshot_index_name(snapshot.file_name)};
  const auto file = open_block_file(directory_, names, {}, rt::OpenMode::kRead);
  if (!file) return unless_unread(file.error());
  const auto bytes = file->bytes->size();
  if (!bytes) return unless_unread(bytes.error());
  const auto entries = file->entries_on_disk();
  if (!entries) return unless_unread(entries.error());
  if (*bytes != snapshot.bytes || *entries == 0) return false;
  const auto last = file->entry(*entries - 1);
  if (!last) return unless_unread(last.error());
  return last->end().bytes() == snapshot.bytes;
}

// What is much to follow is left to whoever asks for a mark: a start is to be short.
Result<> Recovery::follow() {
  const StreamExtent& extent = lineage_.extent;
  TRY(const auto mark, known_mark(directory_, extent, extent.end()));
  lineage_.scanner = repl::StreamScanner(mark);
  if (extent.end() - mark.offset > kFollowBytesMax) return {};
  auto followed = scan(directory_, extent, lineage_.scanner, extent.end());
  const bool is_foreign = !followed && followed.error().code == Errc::kProtocol;
  return is_foreign ? Result<>{} : followed;
}

}  // namespace

Result<RecoveredLineage> recover_lineage(rt::Directory& directory, Repair repair) {
  return Recovery(directory, repair).run();
}

Result<RecoveredLineage> create_lineage(rt::Directory& directory, repl::Position at) {
  RecoveredLineage lineage;
  lineage.file.begin = at.offset;
  lineage.file.durable = at.offset;
  lineage.file.origins.push_back(at);
  lineage.extent.segments.push_back({at.offset, at.offset, 0, 0});
  lineage.extent.marks = lineage.file.marks();
  lineage.scanner = repl::StreamScanner(repl::Mark{.offset = at.offset, .db = 0});
  TRY_VOID(open_segment(directory, at.offset, rt::OpenMode::kCreateEmpty));
  TRY_VOID(save_lineage(directory, lineage.file));
  return lineage;
}

}  // namespace sluice::replog
