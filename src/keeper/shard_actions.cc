// What a shard does because a client asked for it.
#include <algorithm>
#include <utility>
#include <variant>

#include "base/overloaded.h"
#include "keeper/config_fields.h"
#include "keeper/config_load.h"
#include "keeper/shard.h"

namespace sluice::keeper {

rt::Task<Result<Done>> Shard::carry_out(Action action, Client& from) {
  if (const auto* const wait = std::get_if<Wait>(&action)) {
    co_return co_await wait_for_replicas(*wait);
  }
  if (std::holds_alternative<AcceptQuarantine>(action)) {
    CO_TRY_VOID(co_await link_.accept());
    co_return Done{};
  }
  if (std::holds_alternative<RejectQuarantine>(action)) {
    CO_TRY_VOID(co_await link_.reject());
    co_return Done{};
  }
  if (std::holds_alternative<ConfigRewrite>(action)) {
    auto config = config_;
    CO_TRY_VOID(co_await hooks_.rewrite_config(std::move(config)));
    co_return Done{};
  }
  const auto at_once = Overloaded{
      [&](const StartPsync& a) { return start_replica(from, a.request); },
      [&](const StartSync&) { return start_replica(from, std::nullopt); },
      [&](const Ack&) -> Result<Done> {
        acked_.notify_all();
        return Done{};
      },
      [&](const Replicaof& a) -> Result<Done> { return repoint(a.upstream); },
      [&](const ReplicaofNone&) -> Result<Done> {
        link_.follow(std::nullopt);
        return Done{};
      },
      [&](const KillClients& a) { return kill(a, from); },
      [&](const Publish& a) -> Result<Done> {
        return Done{.count = deliver(a.channel, a.message)};
      },
      [&](const ConfigSet& a) { return configure(a); },
      [&](const ResetCounters&) -> Result<Done> {
        counters_ = Counters{};
        return Done{};
      },
      [&](const TakeSnapshot&) { return take_snapshot(); },
      [&](const Shutdown&) -> Result<Done> {
        hooks_.shut_down();
        return Done{};
      },
      [](const auto&) -> Result<Done> { return fail(Errc::kRejected, "unknown action"); }};
  co_return std::visit(at_once, action);
}

void Shard::count_requests(std::uint64_t requests, std::uint64_t bytes_in) {
  counters_.commands_processed += requests;
  counters_.net_input_bytes += bytes_in;
}

Result<Done> Shard::start_replica(Client& client, std::optional<repl::PsyncRequest> psync) {
  const auto replicas = std::ranges::count_if(
      clients_, [](const auto& entry) { return entry.second->downstream() != nullptr; });
  if (static_cast<std::uint64_t>(replicas) >= config_.replicas_max) {
    return fail(Errc::kBusy, "max number of replicas reached");
  }
  if (client.downstream() != nullptr) return fail(Errc::kRejected, "this is a replica already");
  const auto& told = client.session().replica();
  ReplicaRequest request;
  request.psync = psync;
  request.is_psync2 = told.can_psync2;
  request.is_rdb_only = told.wants_only_rdb;
  request.is_keeper = told.is_keeper;
  if (!told.held_snapshot.empty() && told.held_bytes > 0) {
    request.held = HeldSnapshot{told.held_snapshot, told.held_bytes};
  }
  const DownstreamOptions options{.ahead_wait = config_.ahead_wait,
                                  .snapshot_bytes_per_second = config_.replica_rate_bytes.bytes};
  client.serve_replica(shared_, options, std::move(request));
  return Done{};
}

// The user and password stay: a failover moves to a node of the same deployment.
Result<Done> Shard::repoint(const base::Endpoint& upstream) {
  auto url = link_.upstream().value_or(config_.upstream);
  if (link_.upstream() && url.endpoint == upstream) return Done{};
  url.endpoint = upstream;
  log_.info("upstream is now", {{"upstream", base::to_string(upstream)}});
  config_.upstream = url;
  link_.follow(std::move(url));
  return Done{};
}

std::uint64_t Shard::deliver(std::string_view channel, std::string_view message) {
  std::uint64_t receivers = 0;
  for (const auto& [id, client] : clients_) {
    if (client->deliver(channel, message)) ++receivers;
  }
  return receivers;
}

bool Shard::has_subscribers() const {
  return std::ranges::any_of(
      clients_, [](const auto& entry) { return entry.second->session().is_subscribed(); });
}

void Shard::begin_messages() {
  if (published_.begin()) gate_.spawn(published_.run());
}

Result<Done> Shard::kill(const KillClients& which, const Client& from) {
  Done done;
  for (const auto id : which.ids) {
    const auto found = clients_.find(id);
    if (found == clients_.end() || found->second == &from) continue;
    found->second->close();
    ++done.count;
  }
  return done;
}

// All or none: tried on a copy first.
Result<Done> Shard::configure(const ConfigSet& change) {
  auto changed = config_;
  base::Settings settings(changed, kShardFields);
  for (const auto& [name, value] : change.settings) TRY_VOID(settings.assign_live(name, value));
  TRY_VOID(check(changed));
  const bool is_rerouted = changed.route != config_.route;
  config_ = std::move(changed);
  if (is_rerouted) link_.follow(link_.upstream());  // what is in flight took the old way
  set_link_limits();
  admission_.resize(config_.full_resyncs_max);
  snapshot_rate_ = RateLimit(config_.total_rate_bytes.bytes);
  return Done{};
}

Result<Done> Shard::take_snapshot() {
  if (refresher_.is_running()) return fail(Errc::kBusy, "a snapshot is being taken already");
  if (archive_->active() == nullptr) return fail(Errc::kNotFound, "there is no data yet");
  TRY(auto source, refresh_source());
  if (gate_.is_closing()) return fail(Errc::kCancelled, "stopping");
  gate_.spawn(refresh(std::move(source)));
  return Done{};
}

std::uint64_t Shard::replicas_at(repl::Offset offset) const {
  return static_cast<std::uint64_t>(std::ranges::count_if(clients_, [&](const auto& entry) {
    const auto& told = entry.second->session().replica();
    return entry.second->downstream() != nullptr && told.acked && *told.acked >= offset;
  }));
}

rt::Task<Result<Done>> Shard::wait_for_replicas(Wait wait) {
  auto* const log = archive_->active();
  repl::Offset goal;
  if (log != nullptr) {
    const auto known = log->known_mark();
    const auto mark = co_await log->last_mark();
    goal = mark.value_or(known).offset;
  }
  const auto deadline = host_.clock().now() + wait.timeout;
  while (wait.may_block && !is_stopping_ && replicas_at(goal) < wait.replicas) {
    if (wait.timeout.count() == 0) {
      co_await acked_.wait();
      continue;
    }
    const bool is_woken = co_await acked_.wait_until(deadline);
    if (!is_woken) break;
  }
  co_return Done{.count = replicas_at(goal)};
}

}  // namespace sluice::keeper
