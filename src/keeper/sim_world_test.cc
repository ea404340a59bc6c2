#include "keeper/sim_world_test.h"

#include <algorithm>
#include <initializer_list>
#include <iostream>
#include <string_view>
#include <utility>

#include "resp/writer.h"

namespace sluice::keeper {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr auto kHealsWithin = seconds(300);

std::string command(std::initializer_list<std::string_view> words) {
  std::string wire;
  resp::append_command(wire, words);
  return wire;
}

}  // namespace

SimWorld::SimWorld(std::uint64_t seed, SimWorldOptions options)
    : options_(std::move(options)), world_(seed), truth_(world_.random()) {
  notes_.is_loud = options_.is_loud;
  notes_.count = [this](const std::string& what) { note(what); };
  notes_.wrong = [this](std::string what) { truth_.wrong(std::move(what)); };
  notes_.say = [this](const std::string& text) {
    if (!notes_.is_loud) return;
    const auto now = std::chrono::duration_cast<milliseconds>(world_.now().since_start);
    std::cerr << now.count() << " ms  " << text << "\n";
  };
  draw_weather();
}

void SimWorld::draw_weather() {
  auto& w = weather_;
  w.fsync = static_cast<replog::Fsync>(random().below(3));
  w.has_chain = random().one_in(3) || options_.make_relay;
  w.has_rollbacks = random().one_in(3);
  w.has_other_datasets = random().one_in(8);
  w.has_empty_masters = random().one_in(6);
  w.has_cycles = random().one_in(6);
  w.has_disk_errors = random().one_in(5);
  w.has_disk_full = random().one_in(4);
  w.has_power_cuts = random().one_in(2);
  w.is_backlog_short = random().one_in(5);
  w.is_retention_short = random().one_in(4);
  w.has_refreshes = w.is_retention_short || random().one_in(3);
  w.weighs_catch_up = w.has_chain && !w.is_gapless();
  notes_.say(std::string("fsync ") + std::to_string(static_cast<int>(w.fsync)) +
             (w.is_gapless() ? ", gapless" : "") + (w.has_chain ? ", chained" : ""));
}

ModelMaster& SimWorld::add_master(Line& line, std::optional<repl::Position> inherited) {
  ModelMasterOptions options;
  options.inherited = inherited;
  options.backlog_bytes = weather_.is_backlog_short ? random().between(1000, 30'000) : kPlenty;
  const auto name = "m" + std::to_string(masters_.size());
  masters_.push_back(std::make_unique<ModelMaster>(world_.machine(name), truth_, line, options));
  return master();
}

// A keeper that starts may be told of a master that is no more.
base::Endpoint SimWorld::first_upstream() {
  const bool is_still_old =
      masters_.size() > 1 && random().one_in(4) && masters_.front()->is_done();
  return {(is_still_old ? *masters_.front() : master()).name(), kMasterPort};
}

ShardConfig SimWorld::keeper_config(std::string_view name) {
  const bool is_first = name == keepers_.front()->name();
  ShardConfig config;
  config.name.clear();
  config.upstream.endpoint =
      is_first ? first_upstream() : base::Endpoint{keepers_.front()->name(), kKeeperPort};
  if (!is_first) config.route = route();
  config.listen = {"", kKeeperPort};
  config.dir = "/data";
  config.fsync = weather_.fsync;
  config.segment_bytes = {std::uint64_t{4096} << random().below(5)};
  if (random().one_in(2)) config.follow_rate_bytes = {random().below(20'000)};
  config.retention_bytes = {weather_.is_retention_short ? 16'384 : kPlenty};
  config.snapshot_refresh = RefreshOff{};
  if (weather_.has_refreshes) {
    base::RedisUrl saver;
    saver.endpoint = {master().name(), kSaverPort};
    config.snapshot_refresh = saver;
    config.snapshot_tail_bytes = {random().between(4096, 100'000)};
  }
  config.full_resyncs_max = random().one_in(3) ? 1 : 8;
  config.replica_timeout = seconds(10);
  config.upstream_timeout = seconds(6);
  config.ahead_wait = seconds(weather_.is_gapless() ? 3600 : random().between(1, 60));
  config.quarantine_keys_min = kKeysMin;
  // A snapshot taken by choice starts our replicas over.
  config.catch_up_gain = weather_.weighs_catch_up ? seconds(0) : std::chrono::hours(24);
  config.catch_up_times = 1;
  return config;
}

SimKeeper& SimWorld::add_keeper(std::string_view name) {
  SimKeeperOptions options;
  options.config = [this, name = std::string(name)] { return keeper_config(name); };
  const bool is_first = keepers_.empty();
  options.forgets = [this, is_first] {
    if (is_first) truth_.forget_acknowledgements();
  };
  keepers_.push_back(std::make_unique<SimKeeper>(world_, notes_, name, std::move(options)));
  nodes_.push_back(keepers_.back().get());
  return *keepers_.back();
}

// One or two on each shore. Both lead to all masters too, whom the second keeper asks for cycles.
void SimWorld::add_relays() {
  constexpr int kMastersMost = 40;
  std::vector<std::string> shore{keepers_.front()->name()};
  for (int n = 0; n < kMastersMost; ++n) shore.push_back("m" + std::to_string(n));
  far_relays_ = add_relays("far", std::move(shore));
  near_relays_ = add_relays("near", far_relays_);
  for (const auto& near : near_relays_) {
    for (const auto& far : far_relays_) world_.network().set_link(near, far, ocean_link());
  }
}

std::vector<std::string> SimWorld::add_relays(std::string_view shore, std::vector<std::string> to) {
  std::vector<std::string> names;
  for (auto left = random().between(1, 2); left > 0; --left) {
    names.push_back(std::string(shore) + std::to_string(left));
    relays_.push_back(options_.make_relay(world_, notes_, names.back(), to));
    nodes_.push_back(relays_.back().get());
    relays_.back()->boot();
  }
  return names;
}

sim::Link SimWorld::ocean_link() {
  sim::Link ocean;
  ocean.latency = milliseconds(random().between(5, 150));
  ocean.jitter = ocean.latency / random().between(1, 10);
  ocean.lost_per_mille = static_cast<std::uint32_t>(random().below(30));
  if (random().one_in(2)) ocean.bytes_per_second = std::uint64_t{4'000} << random().below(10);
  return ocean;
}

std::string SimWorld::route() const {
  std::string text;
  for (const auto* const hop : {&near_relays_, &far_relays_}) {
    for (const auto& name : *hop) {
      const auto* const before_hop = text.empty() ? "" : " ";
      text += &name != &hop->front() ? "," : before_hop;
      text += "PROXYTCP://" + name + ":" + std::to_string(kRelayPort);
    }
  }
  return text;
}

void SimWorld::populate() {
  add_master(truth_.start_line(random().between(kKeysUsual, kKeysMost)), std::nullopt);
  add_keeper("keeper").boot();
  if (options_.make_relay) add_relays();
  if (weather_.has_chain) add_keeper("keeper2").boot();
  const auto count = random().between(1, 3);
  for (std::uint64_t i = 1; i <= count; ++i) {
    const auto& behind = *keepers_[random().below(keepers_.size())];
    // INFO names one predecessor: a keeper behind another that lost its tail, and two failovers, cannot
    // know how far its replicas may be ahead of it.
    const bool is_first = &behind == keepers_.front().get();
    const bool expects_partial = weather_.is_gapless() && (is_first || !weather_.has_power_cuts);
    const base::Endpoint upstream{behind.name(), kKeeperPort};
    replicas_.push_back(std::make_unique<ModelReplica>(world_.machine("r" + std::to_string(i)),
                                                       truth_, upstream, expects_partial));
  }
  admin_ = std::make_unique<rt::Gate>(world_.machine("admin").boot());
  admin_->spawn(administer(*admin_));
}

void SimWorld::run(rt::Duration time) {
  for (const auto end = world_.now() + time; world_.now() < end && !truth_.violation();) {
    auto until = end;
    if (!mends_.empty()) until = std::min(until, mends_.begin()->first);
    for (const auto* const node : nodes_) until = std::min(until, node->boot_at().value_or(until));
    const auto left = std::max(until - world_.now(), rt::Duration(0));
    const auto has_to_stop = [this] {
      return truth_.violation() ||
             std::ranges::any_of(nodes_, [](const auto* node) { return node->has_to_settle(); });
    };
    world_.run_until(has_to_stop, left);
    for (auto* const node : nodes_) node->settle();
    while (!mends_.empty() && mends_.begin()->first <= world_.now()) {
      const auto mend = std::move(mends_.begin()->second);
      mends_.erase(mends_.begin());
      mend();
    }
    for (auto* const node : nodes_) {
      if (node->boot_at() && *node->boot_at() <= world_.now()) node->boot();
    }
  }
}

void SimWorld::note(const std::string& what) {
  ++tally_[what];
  notes_.say("-- " + what);
}

rt::Duration SimWorld::some(rt::Duration least, rt::Duration most) {
  return least + rt::Duration(random().below(static_cast<std::uint64_t>((most - least).count())));
}

void SimWorld::mend_within(rt::Duration most, std::function<void()> mend) {
  mends_.emplace(world_.now() + some(milliseconds(100), most), std::move(mend));
}

rt::Task<bool> SimWorld::ask(const SimKeeper& keeper, std::string wire) {
  const base::Endpoint to{keeper.name(), kKeeperPort};
  const auto boots = keeper.boots();
  const auto answer = co_await ask_keeper(*world_.machine("admin").host(), to, std::move(wire));
  co_return answer && *answer == "+OK" && boots == keeper.boots();
}

rt::Task<void> SimWorld::administer(rt::Gate& gate) {
  while (!gate.is_closing()) {
    const auto pause = some(milliseconds(100), seconds(2));
    (void)co_await gate.sleep(pause);
    if (gate.is_closing()) co_return;
    co_await repoint();
    for (const auto& keeper : keepers_) co_await answer_quarantine(*keeper);
  }
}

// As Sentinel does: looks whom the keeper follows, and tells it otherwise.
rt::Task<void> SimWorld::repoint() {
  const auto wanted = master().name();
  const auto& keeper = *keepers_.front();
  const auto* const shard = keeper.shard();
  if (shard == nullptr || shard->config().upstream.endpoint.host == wanted) co_return;
  auto wire = command({"REPLICAOF", wanted, std::to_string(kMasterPort)});
  const bool is_told = co_await ask(keeper, std::move(wire));
  if (is_told) note("repointed");
}

// An operator who sometimes looks; in the end everything is accepted.
rt::Task<void> SimWorld::answer_quarantine(SimKeeper& keeper) {
  const auto* const shard = keeper.shard();
  const bool is_quarantined = shard != nullptr && shard->status().quarantine_reason.has_value();
  const bool is_new = is_quarantined && !was_quarantined_[keeper.name()];
  was_quarantined_[keeper.name()] = is_quarantined;
  if (is_new && master().line().root().is_held_back) note("quarantined");
  if (!is_quarantined || (!is_healing_ && !random().one_in(4))) co_return;
  if (!is_healing_ && random().one_in(3)) {
    truth_.reject_all();
    auto wire = command({"KEEPER", "REJECT"});
    const bool is_rejected = co_await ask(keeper, std::move(wire));
    if (is_rejected) note("rejected");
    co_return;
  }
  truth_.accept_all();
  is_accepting_ = true;
  auto wire = command({"KEEPER", "ACCEPT"});
  const bool is_accepted = co_await ask(keeper, std::move(wire));
  is_accepting_ = false;
  if (is_accepted) note("accepted");
}

std::optional<std::string> SimWorld::play() {
  populate();
  for (auto faults = random().between(3, 20); faults > 0 && !truth_.violation(); --faults) {
    run(some(milliseconds(20), seconds(3)));
    if (!truth_.violation()) strike();
  }
  heal();
  const auto limit = world_.now() + kHealsWithin;
  while (!truth_.violation() && !has_converged() && world_.now() < limit) {
    // Only a restart goes on after a disk failed, and only a loss of power ends what it forgot.
    for (const auto& keeper : keepers_) {
      if (keeper->has_disk_failed()) keeper->crash(sim::Crash::kPower);
    }
    run(milliseconds(100));
  }
  if (!truth_.violation() && !has_converged()) truth_.wrong("not healed: " + describe());
  if (truth_.violation()) notes_.say(*truth_.violation() + "; " + describe());
  end_all();
  return truth_.violation();
}

bool SimWorld::has_converged() const {
  const auto& line = master().line();
  return std::ranges::all_of(replicas_, [&](const auto& replica) {
    return replica->received() == repl::Position{line.id, repl::Offset{line.end()}};
  });
}

std::string SimWorld::describe() const {
  const auto& line = master().line();
  auto text = "master at " + to_text({line.id, repl::Offset{line.end()}}) + ", acknowledged " +
              std::to_string(line.acked);
  for (const auto& keeper : keepers_) text += "; " + keeper->describe();
  for (const auto& replica : replicas_) {
    const auto at = replica->received();
    text += "; " + replica->name() + " of " + replica->upstream() + " at " +
            (at ? to_text(*at) : std::string("nothing"));
  }
  return text;
}

void SimWorld::end_all() {
  notes_.say("-- the end");
  admin_->close();
  world_.machine("admin").crash(sim::Crash::kProcess);
  for (const auto& replica : replicas_) replica->stop();
  for (const auto& each : masters_) each->stop();
  for (auto* const node : nodes_) node->end();
  const auto are_done = [](const auto& all) {
    return std::ranges::all_of(all, [](const auto& each) { return each->is_done(); });
  };
  const bool has_ended = world_.run_until(
      [&] {
        return admin_->running() == 0 && are_done(replicas_) && are_done(masters_) &&
               are_done(nodes_);
      },
      std::chrono::minutes(10));
  CHECK(has_ended);
}

void SimWorld::count(Tally& tally) const {
  for (const auto& [what, times] : tally_) tally[what] += times;
  for (const auto& each : masters_) {
    tally["full in"] += each->full_resyncs();
    tally["partial in"] += each->partial_resyncs();
    tally["snapshot refreshed"] += each->snapshots_saved();
  }
  for (const auto& keeper : keepers_) {
    tally["snapshot resumed"] += keeper->snapshots_resumed();
    tally["snapshot preferred"] += keeper->snapshots_preferred();
  }
  for (const auto& replica : replicas_) {
    const std::string where = replica->upstream() == keepers_.front()->name() ? "" : "chained ";
    tally[where + "full out"] += replica->full_resyncs();
    tally[where + "partial out"] += replica->partial_resyncs();
  }
  tally["virtual seconds"] += static_cast<std::uint64_t>(world_.now().since_start / seconds(1));
}

}  // namespace sluice::keeper
