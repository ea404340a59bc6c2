#include "keeper/shard.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "hop/through_relays.h"
#include "tunnel/limits.h"

namespace sluice::keeper {
namespace {

using std::chrono::seconds;

constexpr auto kSyncInterval = seconds(1);
constexpr auto kUpkeepInterval = seconds(1);
constexpr auto kRefreshPause = seconds(60);  // after a failure, which a retry at once would repeat

// A tunnel that was cut flows again at once after the heal, a new one and its handshakes take ten round
// trips. So where there is a route, silence is the relays' to judge, up to the longest cut that they wait for.
rt::Duration silence_max_of(const ShardConfig& config) {
  constexpr auto kBeyondTunnels = seconds(30);
  if (config.route.empty()) return config.upstream_timeout;
  return std::max<rt::Duration>(config.upstream_timeout, tunnel::Limits().cut_max + kBeyondTunnels);
}

QuarantineLimits quarantine_of(const ShardConfig& config) {
  return {.keys_min = config.quarantine_keys_min,
          .shrink_percent = config.quarantine_shrink_percent};
}

LinkOptions link_options(const ShardConfig& config, std::string_view keeper_id) {
  LinkOptions options;
  options.upstream.url = config.upstream;
  options.upstream.tls = {.cert = config.upstream_tls_cert,
                          .key = config.upstream_tls_key,
                          .ca = config.upstream_tls_ca,
                          .server_name = {},
                          .verify_peer = config.upstream_tls_verify};
  options.upstream.silence_max = silence_max_of(config);
  options.upstream.announced = {
      config.announce_host, config.announce_port != 0 ? config.announce_port : config.listen.port};
  options.quarantine = quarantine_of(config);
  options.catch_up = {.times = config.catch_up_times, .gain = config.catch_up_gain};
  options.own_run_id = keeper_id;
  return options;
}

// By the route as it is then: CONFIG SET may change it. All outlive what it returns.
redis::Dial dial_of(rt::Host& host, hop::Tunnels& tunnels, const ShardConfig& config) {
  return [&](base::Endpoint to, rt::ConnectOptions how) {
    auto relays = hop::relays_of(config.route, "the upstream");
    CHECK(relays.has_value());  // check() has seen that they can be read
    if (relays->empty()) return host.network().connect(std::move(to), std::move(how));
    const auto through = hop::through_relays(host, tunnels, *std::move(relays));
    return through(std::move(to), std::move(how));
  };
}

LinkOptions link_with_dial(redis::Dial dial, const ShardConfig& config,
                           std::string_view keeper_id) {
  auto options = link_options(config, keeper_id);
  options.upstream.dial = std::move(dial);
  return options;
}

std::optional<rt::TlsFiles> listen_tls(const ShardConfig& config) {
  if (config.listen_tls_cert.empty()) return std::nullopt;
  return rt::TlsFiles{.cert = config.listen_tls_cert,
                      .key = config.listen_tls_key,
                      .ca = config.listen_tls_ca,
                      .server_name = {},
                      .verify_peer = true};
}

// A keeper acknowledges nothing before it has stored the whole snapshot.
std::optional<std::string> unfinished_snapshot(const Client& client) {
  const auto* const downstream = client.downstream();
  const bool has_stored_it = client.session().replica().acked.has_value();
  return downstream == nullptr || has_stored_it ? std::nullopt : downstream->resumable();
}

Credentials credentials_of(const ShardConfig& config) {
  return {.requirepass = config.requirepass, .users = users_of(config)};
}

}  // namespace

Result<std::unique_ptr<Shard>> Shard::open(rt::Host& host, ShardConfig config, ProcessHooks hooks,
                                           base::Metrics& metrics, const base::Log& log) {
  const replog::LogOptions options{.segment_bytes = config.segment_bytes,
                                   .fsync = config.fsync,
                                   .followed_per_second = config.follow_rate_bytes};
  TRY(auto archive, replog::Archive::open(host, config.dir, options));
  TRY(auto folder, host.directory(config.dir));
  TRY(auto listener, host.network().listen(config.listen, listen_tls(config)));
  config.listen = listener->local();
  auto shard_log = config.name.empty() ? log : log.with("shard", config.name);
  if (const auto& note = archive->recovery().note; !note.empty()) {
    shard_log.warn("recovered", {{"note", note}});
  }
  auto shard = std::unique_ptr<Shard>(new Shard(host, std::move(config), std::move(hooks), metrics,
                                                std::move(shard_log), std::move(archive),
                                                KeyCount(host, std::move(folder))));
  shard->listener_ = std::move(listener);
  return shard;
}

Shard::Shard(rt::Host& host, ShardConfig config, ProcessHooks hooks, base::Metrics& metrics,
             base::Log log, std::unique_ptr<replog::Archive> archive, KeyCount known_keys)
    : host_(host),
      config_(std::move(config)),
      hooks_(std::move(hooks)),
      log_(std::move(log)),
      metrics_(metrics, config_.name),
      credentials_(credentials_of(config_)),
      archive_(std::move(archive)),
      lineage_changed_(host.loop(), host.clock()),
      acked_(host.loop(), host.clock()),
      admission_(host.loop(), host.clock(), config_.full_resyncs_max),
      snapshot_rate_(config_.total_rate_bytes.bytes),
      shared_{host_,
              [this] { return archive_->active(); },
              admission_,
              snapshot_rate_,
              lineage_changed_,
              counters_,
              std::string(archive_->keeper_id())},
      tunnels_(host, hop::route_options(config_)),
      link_(
          host, *archive_, [this] { ask_replicas_again(); }, log_, std::move(known_keys),
          link_with_dial(dial_of(host, tunnels_, config_), config_, archive_->keeper_id())),
      refresher_(host, shared_, log_),
      published_(host, lineage_changed_,
                 {.active_log = [this] { return archive_->active(); },
                  .is_wanted = [this] { return has_subscribers(); },
                  .deliver = [this](auto channel, auto message) { deliver(channel, message); }}),
      clients_gate_(host),
      gate_(host) {}

Shard::~Shard() = default;

rt::Task<void> Shard::run() {
  if (!is_stopping_) {  // a signal may come first
    gate_.spawn(run_link());
    gate_.spawn(accept_loop());
    gate_.spawn(sync_loop());
    gate_.spawn(upkeep_loop());
  }
  co_await gate_.closed();
  co_await clients_gate_.closed();
  tunnels_.close();
  co_await tunnels_.closed();
  (void)co_await sync_logs();
  co_await archive_->close();
}

void Shard::stop() {
  if (std::exchange(is_stopping_, true)) return;
  listener_->close();
  link_.stop();
  refresher_.stop();
  published_.stop();
  gate_.close();
  clients_gate_.close();
  for (const auto& [id, client] : clients_) client->close();
  acked_.notify_all();
  lineage_changed_.notify_all();
}

rt::Task<void> Shard::run_link() {
  co_await link_.run();
}

rt::Task<void> Shard::accept_loop() {
  for (;;) {
    auto stream = co_await listener_->accept();
    if (!stream || is_stopping_) co_return;
    ++counters_.connections_received;
    if (clients_.size() >= config_.clients_max) {
      ++counters_.connections_rejected;
      constexpr std::string_view kFull = "-ERR max number of clients reached\r\n";
      (void)co_await (*stream)->write(kFull);
      continue;
    }
    Peer peer{next_client_id_++, (*stream)->peer(), (*stream)->local()};
    auto client = std::make_unique<Client>(host_, *this, *this, std::move(peer), *std::move(stream),
                                           ClientLimits{});
    clients_gate_.spawn(run_client(std::move(client)));
  }
}

rt::Task<void> Shard::run_client(std::unique_ptr<Client> client) {
  clients_.emplace(client->id(), client.get());
  co_await client->run();
  clients_.erase(client->id());
  if (const auto* const downstream = client->downstream()) {
    sent_by_gone_replicas_ += downstream->bytes_sent();
    if (const auto part = unfinished_snapshot(*client)) {
      leases_.hold(*part, host_.clock().now() + config_.snapshot_grace);
    }
    log_.info("replica left",
              {{"replica", client->address()}, {"why", client->failure().value_or("it hung up")}});
  }
}

// The policy kEverySec, and what the other policies leave to do when no byte comes any more.
rt::Task<void> Shard::sync_loop() {
  for (;;) {
    const bool goes_on = co_await gate_.sleep(kSyncInterval);
    if (!goes_on) co_return;
    const auto synced = co_await sync_logs();
    if (!synced) log_.error("the log cannot be made durable", {{"why", synced.error()}});
    link_.on_durable();
  }
}

rt::Task<Result<>> Shard::sync_logs() {
  if (config_.fsync != replog::Fsync::kEverySec) co_return Result<>{};
  for (const bool is_incoming : {false, true}) {  // asked anew after each wait: it may be dropped
    auto* const log = is_incoming ? archive_->incoming() : archive_->active();
    if (log == nullptr || log->failed() || log->durable() >= log->end()) continue;
    CO_TRY_VOID(co_await log->sync());
  }
  co_return Result<>{};
}

rt::Task<void> Shard::upkeep_loop() {
  for (;;) {
    const bool goes_on = co_await gate_.sleep(kUpkeepInterval);
    if (!goes_on) co_return;
    report();
    drop_silent_replicas();
    const replog::Retention retention{
        .bytes = config_.retention_bytes,
        .age = std::chrono::duration_cast<seconds>(config_.retention_age),
        .snapshots = config_.snapshots_keep,
        .keep_from = needed_by_replicas(),
        .keep_snapshots = wanted_by_keepers()};
    const auto enforced = co_await archive_->enforce(retention);
    if (!enforced) log_.error("retention", {{"why", enforced.error()}});
    const auto* const log = archive_->active();
    if (log == nullptr || refresher_.is_running() ||
        std::holds_alternative<RefreshOff>(config_.snapshot_refresh))
      continue;
    const RefreshPolicy policy{config_.snapshot_tail_bytes.bytes, config_.snapshot_age};
    const auto due = refresh_due(*log, host_.clock().wall_ms(), policy);
    auto source = refresh_source();
    const bool is_pausing = host_.clock().now() < refresh_not_before_;
    if (!due || !source || is_pausing || gate_.is_closing()) continue;
    log_.info("taking a snapshot", {{"why", *due}});
    gate_.spawn(refresh(*std::move(source)));
  }
}

rt::Task<void> Shard::refresh(RefreshSource source) {
  const auto taken = co_await refresher_.take(std::move(source));
  if (!taken) refresh_not_before_ = host_.clock().now() + kRefreshPause;
}

Result<RefreshSource> Shard::refresh_source() const {
  RefreshSource source;
  source.replayer.redis_server = config_.redis_server;
  source.replayer.module = config_.redis_module;
  source.replayer.working_directory = config_.dir;
  if (std::holds_alternative<RefreshPrivately>(config_.snapshot_refresh)) return source;
  if (std::holds_alternative<RefreshOff>(config_.snapshot_refresh)) {
    return fail(Errc::kRejected,
                "snapshot_refresh is off: set it to private or to a replica's URL");
  }
  source.replica = std::get<base::RedisUrl>(config_.snapshot_refresh);
  source.tls = link_options(config_, "").upstream.tls;
  return source;
}

// A replica that loads a snapshot sends newlines, one that streams acknowledges every second.
void Shard::set_link_limits() {
  link_.set_limits(quarantine_of(config_), silence_max_of(config_));
}

void Shard::drop_silent_replicas() {
  const auto now = host_.clock().now();
  for (const auto& [id, client] : clients_) {
    const auto* const downstream = client->downstream();
    if (downstream == nullptr) continue;
    const auto last = std::max(client->last_heard(), downstream->last_progress());
    if (now - last > config_.replica_timeout) client->close(Errc::kTimedOut);
  }
}

void Shard::ask_replicas_again() {
  lineage_changed_.notify_all();
  for (const auto& [id, client] : clients_) {
    const auto* const downstream = client->downstream();
    const bool is_waiting =
        downstream == nullptr || downstream->phase() == Downstream::Phase::kWaiting;
    if (!is_waiting) client->close(Errc::kDisconnected);
  }
}

// Snapshots that keepers are being sent, or were until their connection broke.
std::vector<std::string> Shard::wanted_by_keepers() {
  auto names = leases_.held(host_.clock().now());
  for (const auto& [id, client] : clients_) {
    if (auto part = unfinished_snapshot(*client)) names.push_back(*std::move(part));
  }
  return names;
}

std::optional<repl::Offset> Shard::needed_by_replicas() const {
  std::optional<repl::Offset> lowest;
  for (const auto& [id, client] : clients_) {
    const auto* const downstream = client->downstream();
    if (downstream == nullptr || !downstream->needs()) continue;
    lowest = std::min(lowest.value_or(*downstream->needs()), *downstream->needs());
  }
  return lowest;
}

void Shard::report() {
  const auto now = status();
  std::size_t plain = 0;
  for (const auto& [id, client] : clients_) plain += client->downstream() == nullptr ? 1 : 0;
  auto link = link_.status();
  const auto* const log = archive_->active();
  const bool waits_for_room = log != nullptr && log->waits_for_room();
  if (waits_for_room && !std::exchange(is_waiting_for_room_, true)) {
    log_.error("disk full, a change of the stream's history waits for room");
  }
  is_waiting_for_room_ = waits_for_room;
  link.is_disk_full |= waits_for_room;
  metrics_.show({.status = now,
                 .link = link,
                 .clients = plain,
                 .snapshots_being_sent = admission_.taken(),
                 .refreshes_taken = refresher_.taken(),
                 .refreshes_failed = refresher_.failed(),
                 .messages_too_long = published_.too_long(),
                 .now = host_.clock().now(),
                 .wall_ms = host_.clock().wall_ms()});
}

}  // namespace sluice::keeper
