// Which parts of a file have been found sound since this process runs.
#pragma once

#include <cstdint>
#include <vector>

#include "replog/stream_files.h"

namespace sluice::replog {

// What this process wrote is sound by construction; what it found is, once it was checked. Costs
// one bit for each 64 KB found.
class Verified {
 public:
  // [start, written_from) was found, the rest is written here.
  Verified(repl::Offset start, repl::Offset written_from)
      : start_(start), written_from_(written_from) {}

  bool contains(repl::Offset from, repl::Offset to) const;
  void add(repl::Offset from, repl::Offset to);

  // What is remembered is whole units: the range to check so that [from, to) is remembered.
  static repl::Offset unit_start(repl::Offset start, repl::Offset from);
  static repl::Offset unit_end(repl::Offset start, repl::Offset to);

 private:
  static constexpr std::uint64_t kUnit = 64 * 1024;

  std::uint64_t unit_of(repl::Offset at) const { return (at - start_) / kUnit; }

  repl::Offset start_;
  repl::Offset written_from_;
  std::vector<bool> units_;  // empty until something was checked
};

// Checks whole units around [from, to), so that each is checked once; if what was not asked for is
// damaged, then just what was. Blocking.
Checked check_units(const BlockFile& file, const SegmentExtent& extent, repl::Offset from,
                    repl::Offset to);

}  // namespace sluice::replog
