// Takes a peer's snapshot from its keeper and merges it into our master, key by key, while that serves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/url.h"
#include "crdt/version_vector.h"
#include "geo/snapshot_reader.h"
#include "geo/target.h"
#include "redis/upstream.h"
#include "rt/host.h"

namespace sluice::geo {

struct MergeProgress {
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;  // of the snapshot, of
  std::uint64_t bytes_total = 0;
  std::string_view step = "asking";
};

// Our region leaves the mesh (GEO.MERGE WANT, unless it was told to), waits for a snapshot that was made when all
// others had promised to wait for it, and comes back with that. docs/protocol/geo.md, Rejoining.
class SnapshotMerge {
 public:
  struct Options {
    std::string source;
    redis::UpstreamOptions from;
    std::vector<base::RedisUrl> to;
    redis::ClientOptions to_options;
    bool goes_on =
        false;  // an earlier attempt was cut off: whatever our master has, it lacks the rest
  };

  SnapshotMerge(rt::Host& host, Options options, base::Log log);

  // What we lack: nothing is done if our master has it by now. kBusy: too early, or somebody else merges; another
  // attempt will do. kRejected: our master refuses.
  rt::Task<Result<>> run(crdt::VersionVector lacking);
  void interrupt();
  const MergeProgress& progress() const { return progress_; }

 private:
  rt::Task<Result<>> ask_for_newer_snapshot();
  rt::Task<Result<>> copy();
  rt::Task<Result<>> take(SnapshotItem item);
  rt::Task<Result<>> add(SnapshotKey key);
  rt::Task<Result<>> send_keys();
  rt::Task<Result<>> send(std::vector<std::string_view> words);
  rt::Task<Result<>> write(std::string wire);
  rt::Task<Result<>> await_replies(std::size_t left);
  rt::Task<Result<std::string>> call(std::vector<std::string_view> words);
  rt::Task<Result<>> sweep();
  rt::Task<Result<>> finish(repl::Position snapshot);

  rt::Host& host_;
  const Options options_;
  base::Log log_;
  MergeProgress progress_;
  std::unique_ptr<Target> target_;
  std::unique_ptr<redis::Upstream> upstream_;
  bool is_interrupted_ = false;
  bool has_begun_ = false;
  std::vector<SnapshotKey> keys_;  // of one command, of one db
  std::size_t keys_bytes_ = 0;
  std::size_t unanswered_ = 0;
};

}  // namespace sluice::geo
