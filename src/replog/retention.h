// What a keeper gives up when it holds too much: a function of what it holds, and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "replog/archive.h"

namespace sluice::replog {

struct KeptSegment {
  repl::Offset start;
  repl::Offset end;
  std::uint64_t bytes = 0;   // with its index
  std::int64_t wall_ms = 0;  // of its last block
};

struct RetiredLineage {
  std::string name;
  std::uint64_t bytes = 0;
  std::int64_t wall_ms = 0;  // when it was retired
};

struct Holdings {
  std::vector<RetiredLineage> retired;  // oldest first
  std::vector<KeptSegment> segments;    // of the active lineage, oldest first; the last is in use
  std::vector<Snapshot> snapshots;      // of the active lineage, oldest first
  repl::Mark known_mark;                // of the active log: where a mark is sought from
};

struct Discards {
  std::size_t retired = 0;             // so many of the oldest
  repl::Offset begin;                  // segments that end at or before it
  std::vector<std::string> snapshots;  // file names
  friend bool operator==(const Discards&, const Discards&) = default;
};

// Never gives up the newest snapshot, the stream from it on, or the mark from which later ones are found.
Discards discards(const Holdings& held, const Retention& policy, std::int64_t wall_ms);

}  // namespace sluice::replog
