// A shard's folder: the active lineage, one that is coming in, and retired ones kept for restore.
//
//   <dir>/LOCK             held while a keeper runs here
//   <dir>/archive.json     which lineage is what; replaced atomically
//   <dir>/l0000000001/     a lineage: segments, indexes, snapshots, lineage.json
//
//   (none) --begin_incoming--> loading --quarantine--> quarantined
//                                 |                        |
//                                 `----- promote ----------+----> active --(next promote)--> retired
//                                 `----- drop -------------'
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replog/log.h"

namespace sluice::replog {

struct Retention {
  base::ByteSize bytes{64ULL << 30};  // of segments and retired snapshots, per shard
  std::chrono::seconds age = std::chrono::hours(7 * 24);
  std::uint32_t snapshots = 2;  // of the active lineage, beyond which old ones go
  // A replica that was sent a snapshot still needs the active log from here on.
  std::optional<repl::Offset> keep_from{};
  // File names: whoever has got a part of one may come back for the rest.
  std::vector<std::string> keep_snapshots{};
};

// What recovery found and did, for the log and for people.
struct Recovery {
  std::uint64_t bytes_cut = 0;  // of a torn tail
  std::string note;             // sentences, empty if all was whole
};

class Archive {
 public:
  virtual ~Archive() = default;

  // Locks and recovers the folder. Blocks. kBusy: another keeper runs on it. kCorrupt: a middle is
  // damaged, the detail names file and offset. kRejected: from a newer release.
  static Result<std::unique_ptr<Archive>> open(rt::Host& host, std::string_view path,
                                               LogOptions options);

  virtual const Recovery& recovery() const = 0;
  virtual std::string_view keeper_id() const = 0;  // 40 hex digits, made once per folder

  virtual Log* active() = 0;    // null until the first promote
  virtual Log* incoming() = 0;  // null unless loading or quarantined
  virtual std::optional<std::string> quarantine_reason() const = 0;

  // Starts a lineage whose first byte is at `at`; replaces an incoming one.
  virtual rt::Task<Result<Log*>> begin_incoming(repl::Position at) = 0;
  // Remembered across restarts, with its stream.
  virtual rt::Task<Result<>> quarantine_incoming(std::string reason) = 0;
  // Needs a complete snapshot in it. Readers of the old active log are failed with kNotFound.
  virtual rt::Task<Result<>> promote_incoming() = 0;
  virtual rt::Task<Result<>> drop_incoming() = 0;

  // Frees what the policy no longer wants: retired lineages first, then whole segments of the
  // active one that its newest snapshot does not need. Never fails a reader that is within what
  // the policy keeps.
  virtual rt::Task<Result<>> enforce(const Retention& retention) = 0;

  virtual std::uint64_t bytes_on_disk() const = 0;
  virtual rt::Task<void> close() = 0;
};

}  // namespace sluice::replog
