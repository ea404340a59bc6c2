// One upstream, its log on disk, and all who read it: a keeper serves one or many of these.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "hop/tunnels.h"
#include "keeper/client.h"
#include "keeper/config.h"
#include "keeper/published.h"
#include "keeper/refresh.h"
#include "keeper/shard_metrics.h"
#include "keeper/snapshot_leases.h"
#include "keeper/upstream_link.h"
#include "keeper/view.h"
#include "replog/archive.h"
#include "rt/gate.h"
#include "rt/host.h"

namespace sluice::keeper {

// What a shard may ask of the process it lives in.
struct ProcessHooks {
  std::function<ProcessStatus()> status;
  std::function<rt::Task<Result<>>(ShardConfig)> rewrite_config;
  std::function<void()> shut_down;
};

// Lives on one core. Opened once, run once.
class Shard : public View, public Actor {
 public:
  // Recovers the folder and binds the port; blocks, so it is called before the loop runs.
  static Result<std::unique_ptr<Shard>> open(rt::Host& host, ShardConfig config, ProcessHooks hooks,
                                             base::Metrics& metrics, const base::Log& log);
  ~Shard() override;

  // Returns after stop(), with everything durable that was received.
  rt::Task<void> run();
  void stop();

  const ShardConfig& config() const { return config_; }
  base::Endpoint address() const { return listener_->local(); }

  Status status() const override;
  std::vector<ClientFacts> clients() const override;
  std::vector<Setting> settings() const override;
  const Credentials& credentials() const override { return credentials_; }
  std::vector<std::string> channels() const override;
  std::size_t subscribers(std::string_view channel) const override;
  std::size_t patterns() const override;

  rt::Task<Result<Done>> carry_out(Action action, Client& from) override;
  Moment moment() const override;
  void count_requests(std::uint64_t requests, std::uint64_t bytes_in) override;
  void begin_messages() override;

 private:
  Shard(rt::Host& host, ShardConfig config, ProcessHooks hooks, base::Metrics& metrics,
        base::Log log, std::unique_ptr<replog::Archive> archive, KeyCount known_keys);

  rt::Task<void> accept_loop();
  rt::Task<void> run_client(std::unique_ptr<Client> client);
  rt::Task<void> run_link();
  rt::Task<void> sync_loop();
  rt::Task<void> upkeep_loop();
  rt::Task<void> refresh(RefreshSource source);
  rt::Task<Result<>> sync_logs();
  void drop_silent_replicas();
  void ask_replicas_again();
  std::optional<repl::Offset> needed_by_replicas() const;
  std::vector<std::string> wanted_by_keepers();
  Result<RefreshSource> refresh_source() const;
  void report();

  Result<Done> start_replica(Client& client, std::optional<repl::PsyncRequest> psync);
  Result<Done> repoint(const base::Endpoint& upstream);
  Result<Done> take_snapshot();
  std::uint64_t deliver(std::string_view channel, std::string_view message);
  bool has_subscribers() const;
  Result<Done> kill(const KillClients& which, const Client& from);
  Result<Done> configure(const ConfigSet& change);
  void set_link_limits();
  rt::Task<Result<Done>> wait_for_replicas(Wait wait);
  std::uint64_t replicas_at(repl::Offset offset) const;
  UpstreamStatus upstream_status() const;
  std::vector<ReplicaStatus> replica_statuses() const;

  rt::Host& host_;
  ShardConfig config_;
  ProcessHooks hooks_;
  base::Log log_;
  ShardMetrics metrics_;
  Credentials credentials_;
  std::unique_ptr<replog::Archive> archive_;
  std::unique_ptr<rt::Listener> listener_;

  Counters counters_;
  rt::Event lineage_changed_;
  rt::Event acked_;
  Admission admission_;
  RateLimit snapshot_rate_;
  DownstreamShared shared_;
  hop::Tunnels tunnels_;  // to the upstream, if it is reached through relays
  UpstreamLink link_;
  Refresher refresher_;
  Published published_;

  std::map<std::uint64_t, Client*> clients_;  // owned by their run_client()
  std::uint64_t next_client_id_ = 1;
  std::uint64_t sent_by_gone_replicas_ = 0;
  rt::Instant refresh_not_before_;
  SnapshotLeases leases_;
  bool is_waiting_for_room_ = false;
  bool is_stopping_ = false;
  rt::Gate clients_gate_;
  rt::Gate gate_;
};

}  // namespace sluice::keeper
