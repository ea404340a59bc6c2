// What a client's command asks of the keeper beyond an answer; the shard carries it out.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/endpoint.h"
#include "repl/psync.h"

namespace sluice::keeper {

// From here on the connection is a replica's. The shard answers (+FULLRESYNC, +CONTINUE, the
// snapshot of SYNC); kBusy when there is nothing to serve yet: the replica then tries later.
struct StartPsync {
  repl::PsyncRequest request;
};
struct StartSync {};

struct Ack {
  repl::Offset offset;
};

struct Replicaof {
  base::Endpoint upstream;
};
struct ReplicaofNone {};

// Resolved with the number of replicas that have acknowledged what the log ends with now. With
// `may_block` false (inside a transaction) at once, else when enough have or `timeout` is over;
// a timeout of 0 waits for ever.
struct Wait {
  std::uint64_t replicas = 0;
  std::chrono::milliseconds timeout{0};
  bool may_block = true;
};

struct KillClients {
  std::vector<std::uint64_t> ids;  // never the asking client's own
};

// Resolved with the number of sessions that got the message.
struct Publish {
  std::string channel;
  std::string message;
};

// All or none. kNotFound: the detail is the name nobody knows. kRejected: the detail says why.
struct ConfigSet {
  std::vector<std::pair<std::string, std::string>> settings;
};
struct ConfigRewrite {};
struct ResetCounters {};

struct TakeSnapshot {};
struct AcceptQuarantine {};
struct RejectQuarantine {};
struct Shutdown {};

using Action = std::variant<StartPsync, StartSync, Ack, Replicaof, ReplicaofNone, Wait, KillClients,
                            Publish, ConfigSet, ConfigRewrite, ResetCounters, TakeSnapshot,
                            AcceptQuarantine, RejectQuarantine, Shutdown>;

// How an action went; `count` is for Wait and Publish.
struct Done {
  std::uint64_t count = 0;
};

}  // namespace sluice::keeper
