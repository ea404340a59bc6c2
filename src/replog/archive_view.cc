#include "replog/archive_view.h"

#include <algorithm>

namespace sluice::replog {

std::string_view to_string(LineageState state) {
  switch (state) {
    case LineageState::kActive:
      return "active";
    case LineageState::kLoading:
      return "loading";
    case LineageState::kQuarantined:
      return "quarantined";
    case LineageState::kRetired:
      return "retired";
  }
  return "unknown";
}

Result<repl::Mark> LineageView::mark_at(repl::Offset at) const {
  return replog::mark_at(*folder, found.extent, at);
}

Result<repl::Mark> LineageView::mark_at_time(std::int64_t wall_ms) const {
  return replog::mark_at_time(*folder, found.extent, wall_ms);
}

StreamWalk LineageView::walk(repl::Offset from) const {
  return {*folder, found.extent, from};
}

Result<ArchiveView> ArchiveView::open(rt::Directory& directory) {
  TRY(auto file, load_archive(directory));
  return ArchiveView(directory, std::move(file));
}

std::vector<LineageRef> ArchiveView::lineages() const {
  std::vector<LineageRef> refs;
  if (file_.active) refs.push_back({*file_.active, LineageState::kActive, {}, 0});
  if (file_.incoming) {
    const auto& reason = file_.incoming->quarantine;
    refs.push_back({file_.incoming->lineage,
                    reason ? LineageState::kQuarantined : LineageState::kLoading,
                    reason.value_or(""), 0});
  }
  for (auto each = file_.retired.rbegin(); each != file_.retired.rend(); ++each) {
    refs.push_back({each->lineage, LineageState::kRetired, {}, each->wall_ms});
  }
  return refs;
}

Result<LineageView> ArchiveView::lineage(std::string_view name) const {
  for (const LineageRef& ref : lineages()) {
    const bool is_wanted = name.empty() ? ref.state == LineageState::kActive : ref.name == name;
    if (!is_wanted) continue;
    LineageView view{.ref = ref, .folder = nullptr, .found = {}};
    TRY(view.folder, folder(ref.name));
    TRY(view.found, recover_lineage(*view.folder, Repair::kLookOnly));
    return view;
  }
  return fail(Errc::kNotFound, name.empty() ? "nothing has been loaded here yet"
                                            : "there is no lineage " + std::string(name));
}

Result<std::unique_ptr<rt::Directory>> ArchiveView::folder(const std::string& name) const {
  TRY(const auto names, directory_->list());
  if (std::ranges::find(names, name) == names.end()) {
    return fail(Errc::kCorrupt, directory_->path() + "/" + name + ": the folder is missing");
  }
  return directory_->folder(name);
}

}  // namespace sluice::replog
