// What a keeper remembers of one client between two requests.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "keeper/credentials.h"
#include "repl/position.h"
#include "resp/writer.h"
#include "rt/clock.h"

namespace sluice::keeper {

struct Command;

struct Peer {
  std::uint64_t id = 0;  // never reused while the process lives
  std::string address;
  std::string local_address;
};

// What a replica says of itself by REPLCONF before PSYNC, and while it streams.
struct ReplicaFacts {
  std::uint16_t listening_port = 0;
  std::string announced_ip;  // empty: use the peer's
  std::string version;
  bool can_eof = false;
  bool can_psync2 = false;
  bool wants_only_rdb = false;  // redis-cli --rdb: no stream after the snapshot
  bool wants_no_data = false;   // redis-cli --replica: passes over the snapshot for the stream
  bool is_keeper = false;       // REPLCONF capa keeper: understands payloads that have a name
  // The first bytes of a snapshot that it has already; both are told, or nothing is meant.
  std::string held_snapshot;
  std::uint64_t held_bytes = 0;
  std::optional<repl::Offset> acked;
  std::optional<repl::Offset> fsynced;  // REPLCONF ACK … FACK …
  std::optional<rt::Instant> last_ack;
};

struct QueuedCommand {
  const Command* command;
  std::vector<std::string> argv;
};

struct Transaction {
  std::vector<QueuedCommand> queued;
  std::size_t bytes = 0;
  bool is_broken = false;  // a command was refused: EXEC will abort
};

enum class ReplyMode : std::uint8_t { kOn, kOff, kSkipNext };

struct SessionState {
  Peer peer;
  rt::Instant connected_at;
  rt::Instant last_interaction;
  bool is_authenticated = false;
  std::string user = std::string(kDefaultUser);
  std::string name;
  resp::Protocol protocol = resp::Protocol::kResp2;
  std::uint32_t db = 0;
  std::string last_command = "NULL";
  ReplyMode reply_mode = ReplyMode::kOn;
  std::optional<Transaction> transaction;
  std::set<std::string, std::less<>> channels;
  std::set<std::string, std::less<>> patterns;
  std::size_t subscription_bytes = 0;
  bool is_replica = false;
  ReplicaFacts replica;

  std::size_t subscriptions() const { return channels.size() + patterns.size(); }
};

}  // namespace sluice::keeper
