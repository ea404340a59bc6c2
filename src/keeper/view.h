// What a keeper's RESP port may see of its keeper. Sessions read this and change nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "keeper/credentials.h"
#include "repl/catch_up.h"
#include "repl/psync.h"
#include "resp/writer.h"
#include "rt/clock.h"

namespace sluice::keeper {

// Both of a core's clocks, read once per batch of requests.
struct Moment {
  rt::Instant now;
  std::int64_t wall_ms = 0;
};

// The words of ROLE (Redis: roleCommand).
enum class LinkState : std::uint8_t { kNone, kConnect, kConnecting, kHandshake, kSync, kConnected };

struct UpstreamStatus {
  std::optional<base::Endpoint> endpoint;  // absent after REPLICAOF NO ONE
  LinkState link = LinkState::kNone;
  std::optional<rt::Instant> last_io;
  std::optional<rt::Instant> down_since;  // absent while up, and before the first connection
  std::uint64_t sync_bytes_total = 0;     // of the snapshot that comes in; 0 when diskless
  std::uint64_t sync_bytes_read = 0;
  std::string route{};                      // relays on the way; empty: none
  std::string why{};                        // it is not connected; empty while all is well
  std::uint64_t bandwidth = 0;              // bytes per second, measured while we were behind
  std::uint64_t stream_rate = 0;            // bytes per second that its stream grows by
  std::optional<repl::CatchUp> catch_up{};  // the last time that there was a choice
};

enum class ReplicaState : std::uint8_t { kWaitBgsave, kSendBulk, kOnline };

struct ReplicaStatus {
  std::string ip;
  std::uint16_t port = 0;  // that it listens on, as it says
  ReplicaState state = ReplicaState::kWaitBgsave;
  repl::Offset acked;
  std::optional<rt::Instant> last_ack;
};

// replog::Snapshot, as far as clients may know it.
struct SnapshotStatus {
  repl::Offset at;
  std::uint64_t bytes = 0;
  std::uint64_t keys = 0;
  std::int64_t wall_ms = 0;  // when it was complete
};

struct LogStatus {
  repl::History history;
  repl::Offset durable;
  std::string fsync;  // the policy, as the setting calls it
  std::uint64_t bytes_on_disk = 0;
  std::vector<SnapshotStatus> snapshots;  // oldest first
  std::uint64_t keys = 0;                 // of the upstream, when it was last seen well
};

struct ProcessStatus {
  std::uint64_t pid = 0;
  std::string version;  // of Sluice
  std::string os;
  std::string executable;
  std::string config_file;
  rt::Instant started;
  std::uint64_t memory_rss = 0;
  std::uint64_t memory_total = 0;  // of the machine
  double cpu_system_seconds = 0;
  double cpu_user_seconds = 0;
};

struct Counters {
  std::uint64_t connections_received = 0;
  std::uint64_t connections_rejected = 0;
  std::uint64_t commands_processed = 0;
  std::uint64_t net_input_bytes = 0;
  std::uint64_t net_output_bytes = 0;
  std::uint64_t repl_input_bytes = 0;
  std::uint64_t repl_output_bytes = 0;
  std::uint64_t sync_full = 0;  // served to replicas
  std::uint64_t sync_partial_ok = 0;
  std::uint64_t sync_partial_err = 0;
  std::uint64_t upstream_sync_full = 0;  // taken from the upstream
  std::uint64_t upstream_sync_partial = 0;
  std::uint64_t snapshots_resumed = 0;             // sent to keepers from where they broke
  std::uint64_t upstream_snapshots_resumed = 0;    // got so
  std::uint64_t upstream_snapshots_preferred = 0;  // to a replay of the log
  std::uint64_t upstream_resumed_bytes = 0;        // that did not have to come again
};

struct Status {
  std::string keeper_id;  // 40 hex digits; INFO calls it run_id
  std::uint16_t port = 0;
  std::string dir;
  ProcessStatus process;
  UpstreamStatus upstream;
  std::optional<LogStatus> log;  // absent until the first snapshot is complete
  std::vector<ReplicaStatus> replicas;
  std::optional<std::string> quarantine_reason;
  std::optional<std::string> failure;  // why the log takes nothing more
  bool is_taking_snapshot = false;
  bool is_announced = true;  // to clients that ask Sentinel for replicas
  Counters counters;
};

enum class ClientKind : std::uint8_t { kNormal, kMaster, kReplica, kPubsub };

// One line of CLIENT LIST. The upstream link is one of them, as in Redis.
struct ClientFacts {
  std::uint64_t id = 0;
  std::string address;
  std::string local_address;
  std::string name;
  std::string user = std::string(kDefaultUser);
  ClientKind kind = ClientKind::kNormal;
  rt::Instant connected_at;
  rt::Instant last_interaction;
  std::uint32_t db = 0;
  std::size_t channels = 0;
  std::size_t patterns = 0;
  std::optional<std::size_t> queued;  // commands of an open MULTI
  std::string last_command = "NULL";
  resp::Protocol protocol = resp::Protocol::kResp2;
  std::size_t output_bytes = 0;  // not yet taken by the kernel
};

struct Setting {
  std::string name;
  std::string value;
  bool is_secret = false;
};

class View {
 public:
  virtual ~View() = default;

  virtual Status status() const = 0;
  virtual std::vector<ClientFacts> clients() const = 0;  // ordered by id
  virtual std::vector<Setting> settings() const = 0;
  virtual const Credentials& credentials() const = 0;
  virtual std::vector<std::string> channels() const = 0;  // with a subscriber, in order
  virtual std::size_t subscribers(std::string_view channel) const = 0;
  virtual std::size_t patterns() const = 0;  // that someone subscribed to
};

}  // namespace sluice::keeper
