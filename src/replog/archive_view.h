// An archive looked at from outside, for `sluice log`: nothing is locked, nothing is changed, and a
// keeper may be at work in it. Blocking.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replog/archive_file.h"
#include "replog/recovery.h"

namespace sluice::replog {

enum class LineageState : std::uint8_t { kActive, kLoading, kQuarantined, kRetired };
std::string_view to_string(LineageState state);

struct LineageRef {
  std::string name;
  LineageState state = LineageState::kActive;
  std::string quarantine;  // the reason
  std::int64_t retired_ms = 0;
};

// What of a lineage was sound when it was looked at.
struct LineageView {
  LineageRef ref;
  std::unique_ptr<rt::Directory> folder;
  RecoveredLineage found;

  // The last mark at or before a point, both ends of the window included; kNotFound outside of it.
  Result<repl::Mark> mark_at(repl::Offset at) const;
  Result<repl::Mark> mark_at_time(std::int64_t wall_ms) const;
  // Blocks from the one that holds `from` on; the view must outlive the walk.
  StreamWalk walk(repl::Offset from) const;
};

class ArchiveView {
 public:
  // kNotFound: no archive is there. Both must outlive the view.
  static Result<ArchiveView> open(rt::Directory& directory);

  const ArchiveFile& file() const { return file_; }
  std::vector<LineageRef> lineages() const;  // the active one first, the oldest last
  // The active one if `name` is empty. kNotFound; kCorrupt as Archive::open says it.
  Result<LineageView> lineage(std::string_view name) const;
  Result<std::unique_ptr<rt::Directory>> folder(const std::string& name) const;

 private:
  ArchiveView(rt::Directory& directory, ArchiveFile file)
      : directory_(&directory), file_(std::move(file)) {}

  rt::Directory* directory_;  // never null
  ArchiveFile file_;
};

}  // namespace sluice::replog
