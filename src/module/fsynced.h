// What a server's AOF has on disk: which promise outlives a power cut of a server that comes back by itself.
#pragma once

#include <cstdint>
#include <optional>

#include "crdt/version_vector.h"

namespace sluice::module {

// As INFO and CONFIG tell it, in the module's turn before the server writes its AOF.
struct AofFacts {
  bool is_begun = true;  // not while what was there before it is still being written into it
  bool syncs_every_second =
      false;                // otherwise always, which is at once; or never, which nobody can see
  bool is_syncing = false;  // aof_pending_bio_fsync
  bool has_failed = false;  // aof_last_write_status
  bool puts_off =
      false;  // no-appendfsync-on-rewrite, and there is a child; or the clock was set back
};

// With appendfsync everysec the server writes its AOF in every turn in which no sync is under way, and begins a sync in
// the first turn of a second in which none is (flushAppendOnlyFile in aof.c of 7.0, Valkey 8 and Redis 8; each keeps its
// second by a clock that moves ten times a second). So what is there in a turn without a sync is written then,
// and if again none is under way two seconds later, one has begun since and has ended.
class Fsynced {
 public:
  static constexpr std::uint64_t kAtLeastMs = 2'500;

  // What is certain to be on disk; nothing if there is no news. `here`: what the AOF will have after this turn.
  std::optional<crdt::VersionVector> observe(std::uint64_t now_ms, const AofFacts& facts,
                                             const crdt::VersionVector& here);
  void forget() { written_.reset(); }

 private:
  struct Written {
    std::uint64_t at_ms = 0;
    crdt::VersionVector vector;
  };
  std::optional<Written> written_;
};

}  // namespace sluice::module
