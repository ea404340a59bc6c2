// Opening a lineage after whatever ended the last keeper: what is sound, what is cut, what is lost.
#pragma once

#include <cstdint>
#include <string>

#include "replog/block_writer.h"
#include "replog/lineage_file.h"
#include "replog/stream_files.h"

namespace sluice::replog {

struct RecoveredLineage {
  LineageFile file;
  StreamExtent extent;
  repl::StreamScanner scanner{repl::Mark{}};  // at the end, or before what is much to follow
  std::uint64_t bytes_cut = 0;
  std::string note;  // sentences, empty if all was whole
};

enum class Repair : std::uint8_t {
  kCut,      // bring the folder to the state returned, durably
  kLookOnly  // change nothing: a keeper may be at work in it
};

// Blocking; reads names and sizes of all segments, the ends of their indexes, and the blocks that
// were not known durable: less than two segments. kCorrupt names the file and the offset.
Result<RecoveredLineage> recover_lineage(rt::Directory& directory, Repair repair);

// A lineage whose first byte is to be at `at`. Durable on return.
Result<RecoveredLineage> create_lineage(rt::Directory& directory, repl::Position at);

}  // namespace sluice::replog
