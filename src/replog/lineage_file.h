// lineage.json: what a lineage is, beyond the bytes of its segments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replog/block_index.h"
#include "replog/log.h"
#include "replog/metadata_file.h"

namespace sluice::replog {

// A switch of history under way: what the stream's end is to be. It says all, so that carrying it
// out can be repeated whatever a crash in the midst of it left.
struct Cut {
  repl::Offset at;
  repl::Offset segment;       // start of the one that is to be the last
  std::uint64_t entries = 0;  // of its index
  BlockEntry last;            // the last of these, if there is one
};

struct LineageFile {
  static constexpr std::uint64_t kFormat = 1;

  repl::Offset begin;                   // bytes before it were removed, or never came
  repl::Offset durable;                 // at least up to here the stream is on disk
  std::uint32_t first_db = 0;           // selected at the first origin's offset
  std::vector<repl::Position> origins;  // each replid with the offset it began at, oldest first
  // Former replids whose stream went on past where ours switched, each with the offset up to which
  // it is the stream of the present one too: a failover that we met before we had received it all.
  std::vector<repl::Position> shared;
  std::vector<Snapshot> snapshots;    // complete ones, oldest first
  std::vector<std::string> diverged;  // file names, oldest first
  std::uint32_t next_snapshot = 1;    // number for a file name
  std::optional<Cut> cut;             // decided, perhaps not yet carried out

  const repl::ReplId& id() const { return origins.back().id; }
  // Where it began and where its snapshots stand, in order.
  std::vector<repl::Mark> marks() const;
};

nlohmann::json to_json(const LineageFile& lineage);
// kCorrupt names what is wrong, kRejected: written by a newer release.
Result<LineageFile> lineage_from_json(const nlohmann::json& body);

Result<> save_lineage(rt::Directory& directory, const LineageFile& lineage);
Result<LineageFile> load_lineage(rt::Directory& directory);

// `to.id` names the stream from `to.offset` on, and what lies past it is forgotten.
void switch_origin(LineageFile& lineage, const repl::Position& to,
                   std::optional<repl::Offset> predecessor_end = {});

// Replids as a PSYNC answer wants them: each but the last with the offset where it ended.
std::vector<repl::Position> inherited(const LineageFile& lineage);

}  // namespace sluice::replog
