// What a shard shows of itself: INFO, ROLE, CLIENT LIST, CONFIG GET read it through View.
#include <algorithm>
#include <set>

#include "keeper/config_fields.h"
#include "keeper/shard.h"

namespace sluice::keeper {
namespace {

// CLIENT LIST shows the link to the master too, as Redis does; accepted clients count from 1.
constexpr std::uint64_t kUpstreamClientId = 0;

LinkState word_of_role(FollowState state) {
  switch (state) {
    case FollowState::kIdle:
      return LinkState::kNone;
    case FollowState::kConnecting:
      return LinkState::kConnecting;
    case FollowState::kLoading:
      return LinkState::kSync;
    case FollowState::kStreaming:
      return LinkState::kConnected;
    case FollowState::kWaiting:
    case FollowState::kRefused:
    case FollowState::kFailed:
      break;
  }
  return LinkState::kConnect;
}

ReplicaState state_of(Downstream::Phase phase) {
  switch (phase) {
    case Downstream::Phase::kWaiting:
      return ReplicaState::kWaitBgsave;
    case Downstream::Phase::kSendingSnapshot:
      return ReplicaState::kSendBulk;
    case Downstream::Phase::kStreaming:
      break;
  }
  return ReplicaState::kOnline;
}

std::string host_of(const std::string& address) {
  const auto endpoint = base::parse_endpoint(address);
  return endpoint ? endpoint->host : address;
}

LogStatus log_status(const replog::Log& log, const replog::Archive& archive, replog::Fsync fsync) {
  LogStatus status;
  status.history = log.history();
  status.durable = log.durable();
  status.fsync = base::Codec<replog::Fsync>::write(fsync);
  status.bytes_on_disk = archive.bytes_on_disk();
  for (const auto& snapshot : log.snapshots()) {
    status.snapshots.push_back({.at = snapshot.at.offset,
                                .bytes = snapshot.bytes,
                                .keys = snapshot.keys,
                                .wall_ms = snapshot.wall_ms});
  }
  return status;
}

}  // namespace

Moment Shard::moment() const {
  return {host_.clock().now(), host_.clock().wall_ms()};
}

Status Shard::status() const {
  Status status;
  status.keeper_id = archive_->keeper_id();
  status.port = config_.listen.port;
  status.dir = config_.dir;
  status.process = hooks_.status();
  status.upstream = upstream_status();
  const auto* const log = archive_->active();
  if (log != nullptr) {
    status.log = log_status(*log, *archive_, config_.fsync);
    status.log->keys = link_.known_keys();
    if (log->failed()) status.failure = link_.status().why;
  }
  status.replicas = replica_statuses();
  status.is_announced = config_.replica_announced;
  status.quarantine_reason = link_.quarantine();
  status.is_taking_snapshot = refresher_.is_running();
  status.counters = counters_;
  status.counters.repl_input_bytes = link_.status().bytes_received;
  status.counters.upstream_sync_full = link_.status().full_resyncs;
  status.counters.upstream_sync_partial = link_.status().partial_resyncs;
  status.counters.upstream_snapshots_resumed = link_.status().snapshots_resumed;
  status.counters.upstream_snapshots_preferred = link_.status().snapshots_preferred;
  status.counters.upstream_resumed_bytes = link_.status().resumed_bytes;
  status.counters.repl_output_bytes = sent_by_gone_replicas_;
  for (const auto& [id, client] : clients_) {
    const auto* const downstream = client->downstream();
    if (downstream != nullptr) status.counters.repl_output_bytes += downstream->bytes_sent();
  }
  return status;
}

UpstreamStatus Shard::upstream_status() const {
  const auto& link = link_.status();
  UpstreamStatus status;
  if (link_.upstream()) status.endpoint = link_.upstream()->endpoint;
  status.route = config_.route;
  status.why = link.why;
  status.link = word_of_role(link.state);
  if (link.last_heard != rt::Instant{}) status.last_io = link.last_heard;
  if (link.state != FollowState::kStreaming && link.down_since != rt::Instant{}) {
    status.down_since = link.down_since;
  }
  status.sync_bytes_total = link.loading_total.value_or(0);
  status.sync_bytes_read = link.loading_bytes;
  status.bandwidth = link_.bandwidth();
  status.stream_rate = link_.stream_rate();
  status.catch_up = link.catch_up;
  return status;
}

std::vector<ReplicaStatus> Shard::replica_statuses() const {
  std::vector<ReplicaStatus> replicas;
  for (const auto& [id, client] : clients_) {
    const auto* const downstream = client->downstream();
    if (downstream == nullptr) continue;
    const auto& told = client->session().replica();
    ReplicaStatus replica;
    replica.ip = told.announced_ip.empty() ? host_of(client->address()) : told.announced_ip;
    replica.port = told.listening_port;
    replica.state = state_of(downstream->phase());
    replica.acked = told.acked.value_or(repl::Offset{});
    replica.last_ack = told.last_ack;
    replicas.push_back(std::move(replica));
  }
  return replicas;
}

std::vector<ClientFacts> Shard::clients() const {
  std::vector<ClientFacts> facts;
  facts.reserve(clients_.size() + 1);
  for (const auto& [id, client] : clients_) facts.push_back(client->facts());
  if (link_.status().state != FollowState::kStreaming) return facts;
  ClientFacts upstream;
  upstream.id = kUpstreamClientId;
  upstream.address = base::to_string(link_.upstream()->endpoint);
  upstream.kind = ClientKind::kMaster;
  upstream.last_interaction = link_.status().last_heard;
  upstream.connected_at = link_.status().up_since;
  facts.insert(facts.begin(), std::move(upstream));
  return facts;
}

std::vector<Setting> Shard::settings() const {
  auto config = config_;
  const base::Settings known(config, kShardFields);
  std::vector<Setting> settings;
  for (const auto& setting : known.all()) {
    settings.push_back({std::string(setting->name), setting->shown(), setting->is_secret});
  }
  return settings;
}

std::vector<std::string> Shard::channels() const {
  std::set<std::string> names;
  for (const auto& [id, client] : clients_) {
    names.insert(client->session().channels().begin(), client->session().channels().end());
  }
  return {names.begin(), names.end()};
}

std::size_t Shard::subscribers(std::string_view channel) const {
  return static_cast<std::size_t>(std::ranges::count_if(clients_, [&](const auto& entry) {
    return entry.second->session().channels().contains(channel);
  }));
}

std::size_t Shard::patterns() const {
  std::set<std::string> names;
  for (const auto& [id, client] : clients_) {
    names.insert(client->session().patterns().begin(), client->session().patterns().end());
  }
  return names.size();
}

}  // namespace sluice::keeper
