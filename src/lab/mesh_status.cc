#include "lab/mesh_status.h"

#include <fmt/format.h>

#include "lab/table.h"

namespace sluice::lab {

std::string MeshRates::line(const std::vector<RegionFigures>& regions, std::chrono::seconds elapsed,
                            std::chrono::nanoseconds now) {
  const double seconds = std::chrono::duration<double>(now - looked_).count();
  std::string text = fmt::format("{}s", elapsed.count());
  for (const auto& one : regions) {
    text += " | " + one.name;
    if (!one.is_up) {
      text += " down";
      ops_.erase(one.name);
      continue;
    }
    const auto before = ops_.find(one.name);
    if (before != ops_.end() && one.local_ops >= before->second && seconds > 0) {
      const auto ops = static_cast<double>(one.local_ops - before->second);
      text += fmt::format(" {:.0f} writes/s", ops / seconds);
    }
    ops_[one.name] = one.local_ops;
    text += fmt::format(" lacks {} ops, {} keys unstable, {} conflicts", count_text(one.lacks),
                        count_text(one.unstable_keys), count_text(one.conflicts));
    if (one.is_cut) text += ", cut off";
  }
  looked_ = now;
  return text;
}

}  // namespace sluice::lab
