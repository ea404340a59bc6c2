// What an upstream says of itself in INFO before it is followed, and where to ask it to go on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "repl/psync.h"
#include "repl/stream_scanner.h"

namespace sluice::repl {

// Of an upstream that is a keeper: the newest snapshot that it would send us.
struct PeerSnapshot {
  Offset at;
  std::uint64_t bytes = 0;
};

// From INFO's sections server, replication, keyspace and, of a keeper, keeper. Absent: not told.
struct Peer {
  std::string run_id;
  std::string version;
  bool is_loading = false;
  bool is_replica = false;
  bool is_link_up = false;               // of a replica, to its own master
  std::optional<base::Endpoint> master;  // of a replica
  std::optional<ReplId> id;
  std::optional<Position> inherited;  // its predecessor's stream, and where that ended
  Offset offset;
  std::optional<std::uint64_t> keys;
  bool is_keeper = false;
  std::optional<PeerSnapshot> snapshot;
};

// Never fails: what is not there or odd is absent.
Peer parse_peer(std::string_view info);

// Where to ask `peer` to continue a log of which `mark` is the last one.
//
// A failover may have promoted a replica that had received less than we have. It says where the
// streams part; asked there, it goes on with +CONTINUE, where Redis' own replicas need a full copy.
// No more than kRollbackBytesMax is given up like that: a master that restarts from an old RDB
// names a point far back too, and that is a data set to be judged, not a failover.
inline constexpr std::uint64_t kRollbackBytesMax = 64 << 20;
Position resume_position(const History& history, Mark mark, const Peer& peer);

}  // namespace sluice::repl
