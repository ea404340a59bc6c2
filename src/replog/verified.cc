#include "replog/verified.h"

#include <algorithm>

namespace sluice::replog {

repl::Offset Verified::unit_start(repl::Offset start, repl::Offset from) {
  return start + (from - start) / kUnit * kUnit;
}

repl::Offset Verified::unit_end(repl::Offset start, repl::Offset to) {
  return start + (to - start + kUnit - 1) / kUnit * kUnit;
}

bool Verified::contains(repl::Offset from, repl::Offset to) const {
  if (from >= written_from_ || from >= to) return true;
  if (units_.empty()) return false;
  const auto first = static_cast<std::ptrdiff_t>(unit_of(from));
  const auto last =
      static_cast<std::ptrdiff_t>(unit_of(repl::Offset{std::min(to, written_from_).bytes() - 1}));
  return std::all_of(units_.begin() + first, units_.begin() + last + 1, [](bool b) { return b; });
}

void Verified::add(repl::Offset from, repl::Offset to) {
  if (from >= written_from_ || from >= to) return;
  const std::uint64_t units = (written_from_ - start_ + kUnit - 1) / kUnit;
  if (units_.empty()) units_.resize(static_cast<std::size_t>(units), false);
  const std::uint64_t first = (from - start_ + kUnit - 1) / kUnit;
  const std::uint64_t past = to >= written_from_ ? units : (to - start_) / kUnit;
  for (std::uint64_t unit = first; unit < past; ++unit)
    units_[static_cast<std::size_t>(unit)] = true;
}

Checked check_units(const BlockFile& file, const SegmentExtent& extent, repl::Offset from,
                    repl::Offset to) {
  const repl::Offset low = Verified::unit_start(extent.start, from);
  const repl::Offset high = std::min(Verified::unit_end(extent.start, to), extent.end);
  const Checked whole = check_blocks(file, extent.entries, low, high);
  return whole.damage ? check_blocks(file, extent.entries, from, to) : whole;
}

}  // namespace sluice::replog
