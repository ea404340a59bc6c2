#include "replog/verify.h"

#include <algorithm>

#include "replog/file_names.h"
#include "replog/truncation.h"

namespace sluice::replog {
namespace {

class Verification {
 public:
  Verification(const ArchiveView& archive, Verdict& verdict)
      : archive_(archive), verdict_(verdict) {}

  void check(const LineageRef& ref);

 private:
  void report(const std::string& file, repl::Offset at, const std::string& what);
  void check_segments(const std::string& lineage, rt::Directory& folder,
                      const StreamExtent& extent);
  void check_snapshot(const std::string& lineage, rt::Directory& folder, const Snapshot& snapshot);
  void check_file(const std::string& name, const BlockFile& file, std::uint64_t entries,
                  repl::Offset end);
  static StreamExtent all_there_is(rt::Directory& folder);

  const ArchiveView& archive_;
  Verdict& verdict_;
};

void Verification::report(const std::string& file, repl::Offset at, const std::string& what) {
  if (verdict_.damage.size() < kFindingsMax) verdict_.damage.push_back({file, at, what});
}

// If what should be sound cannot even be told, every block that is there is looked at.
StreamExtent Verification::all_there_is(rt::Directory& folder) {
  StreamExtent extent;
  const auto names = folder.list();
  if (!names) return extent;
  for (const repl::Offset start : segment_starts(*names)) {
    const auto file = open_segment(folder, start, rt::OpenMode::kRead);
    const auto entries = file ? file->entries_on_disk() : Result<std::uint64_t>(0);
    if (!file || !entries || *entries == 0) continue;
    const auto last = file->entry(*entries - 1);
    const repl::Offset end = last && last->end() > start ? last->end() : start;
    extent.segments.push_back({start, end, *entries, 0});
  }
  return extent;
}

void Verification::check(const LineageRef& ref) {
  const auto view = archive_.lineage(ref.name);
  if (view) {
    if (!view->found.note.empty()) verdict_.notes.push_back(ref.name + ": " + view->found.note);
    check_segments(ref.name, *view->folder, view->found.extent);
    for (const auto& each : view->found.file.snapshots) {
      check_snapshot(ref.name, *view->folder, each);
    }
    return;
  }
  report(ref.name, {}, view.error().detail);
  const auto folder = archive_.folder(ref.name);
  if (folder) check_segments(ref.name, **folder, all_there_is(**folder));
}

void Verification::check_segments(const std::string& lineage, rt::Directory& folder,
                                  const StreamExtent& extent) {
  for (const SegmentExtent& each : extent.segments) {
    const std::string name = lineage + "/" + segment_name(each.start);
    const auto file = open_segment(folder, each.start, rt::OpenMode::kRead);
    if (file) {
      check_file(name, *file, each.entries, each.end);
      continue;
    }
    const auto now = load_lineage(folder);
    const bool is_retained = !now || now->begin <= each.start;
    if (is_retained) report(name, each.start, file.error().detail);
  }
}

void Verification::check_snapshot(const std::string& lineage, rt::Directory& folder,
                                  const Snapshot& snapshot) {
  const std::string name = lineage + "/" + snapshot.file_name;
  const BlockFileNames names{snapshot.file_name, snapshot_index_name(snapshot.file_name)};
  const auto file = open_block_file(folder, names, {}, rt::OpenMode::kRead);
  if (!file) return report(name, {}, file.error().detail);
  const auto entries = file->entries_on_disk();
  if (!entries) return report(name, {}, entries.error().detail);
  check_file(name, *file, *entries, repl::Offset{snapshot.bytes});
}

void Verification::check_file(const std::string& name, const BlockFile& file, std::uint64_t entries,
                              repl::Offset end) {
  ++verdict_.files;
  repl::Offset at = file.start;
  for (std::uint64_t next = 0; next < entries;) {
    BlockWalk walk(file, next, entries);
    auto block = walk.next();
    for (; block && *block; block = walk.next()) {
      if ((*block)->entry.offset != at) report(name, at, "blocks are missing or doubled here");
      at = (*block)->entry.end();
      ++verdict_.blocks;
      verdict_.bytes += (*block)->entry.length;
      ++next;
    }
    if (block) break;
    report(name, at, block.error().detail);
    const auto entry = file.entry(next++);
    if (entry && entry->offset == at) at = entry->end();
  }
  if (at != end) report(name, at, "it should reach offset " + std::to_string(end.bytes()));
}

}  // namespace

Result<Verdict> verify(rt::Directory& directory) {
  TRY(const auto archive, ArchiveView::open(directory));
  Verdict verdict;
  Verification verification(archive, verdict);
  for (const LineageRef& ref : archive.lineages()) verification.check(ref);
  return verdict;
}

}  // namespace sluice::replog
