#include "keeper/sim_world_test.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "resp/writer.h"

namespace sluice::keeper {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kPlenty = 1ULL << 40;
constexpr auto kHealsWithin = seconds(300);

}  // namespace

class SimWorld::Sink : public base::LogSink {
 public:
  Sink(const sim::World& world, bool is_loud) : world_(world), is_loud_(is_loud) {}
  bool takes(base::LogLevel) const override { return is_loud_; }
  void write(const base::LogRecord& record) override { say(base::to_text(record)); }
  void say(const std::string& text) const {
    if (!is_loud_) return;
    const auto now = std::chrono::duration_cast<milliseconds>(world_.now().since_start);
    std::cerr << now.count() << " ms  " << text << "\n";
  }

 private:
  const sim::World& world_;
  bool is_loud_;
};

SimWorld::SimWorld(std::uint64_t seed, bool is_loud)
    : world_(seed),
      truth_(world_.random()),
      sink_(std::make_unique<Sink>(world_, is_loud)),
      keeper_(world_.machine("keeper")) {
  draw_weather();
}

SimWorld::~SimWorld() = default;

void SimWorld::draw_weather() {
  auto& w = weather_;
  w.fsync = static_cast<replog::Fsync>(random().below(3));
  w.has_rollbacks = random().one_in(3);
  w.has_other_datasets = random().one_in(8);
  w.has_disk_errors = random().one_in(5);
  w.has_disk_full = random().one_in(4);
  w.has_power_cuts = random().one_in(2);
  w.is_backlog_short = random().one_in(5);
  w.is_retention_short = random().one_in(4);
  w.has_refreshes = w.is_retention_short || random().one_in(3);
  sink_->say(std::string("fsync ") + std::to_string(static_cast<int>(w.fsync)) +
             (w.is_gapless() ? ", gapless" : ""));
}

ShardConfig SimWorld::keeper_config() {
  ShardConfig config;
  config.name.clear();
  const bool is_still_old =
      masters_.size() > 1 && random().one_in(4) && masters_.front()->is_done();
  const auto& upstream = is_still_old ? masters_.front()->name() : masters_.back()->name();
  config.upstream.endpoint = {upstream, kMasterPort};
  pointed_to_ = upstream;
  config.listen = {"", kKeeperPort};
  config.dir = "/data";
  config.fsync = weather_.fsync;
  config.segment_bytes = {std::uint64_t{4096} << random().below(5)};
  config.retention_bytes = {weather_.is_retention_short ? 16'384 : kPlenty};
  config.snapshot_refresh = RefreshOff{};
  if (weather_.has_refreshes) {
    base::RedisUrl saver;
    saver.endpoint = {masters_.back()->name(), kSaverPort};
    config.snapshot_refresh = saver;
    config.snapshot_tail_bytes = {random().between(4096, 100'000)};
  }
  config.full_resyncs_max = random().one_in(3) ? 1 : 8;
  config.replica_timeout = seconds(10);
  config.upstream_timeout = seconds(6);
  config.ahead_wait = seconds(weather_.is_gapless() ? 3600 : random().between(1, 60));
  return config;
}

rt::Task<void> SimWorld::run_shard(Boot& boot) {
  co_await boot.shard->run();
  boot.is_done = true;
}

void SimWorld::boot_keeper() {
  boot_at_.reset();
  auto& host = keeper_.boot();
  auto boot = std::make_unique<Boot>();
  ProcessHooks hooks;
  hooks.status = [] { return ProcessStatus{}; };
  auto shard =
      Shard::open(host, keeper_config(), std::move(hooks), boot->metrics, base::Log(*sink_));
  if (!shard) {
    sink_->say("keeper does not start: " + shard.error().detail);
    if (shard.error().code == Errc::kCorrupt) {
      truth_.wrong("the keeper finds its log corrupt: " + shard.error().detail);
    }
    ++tally_["failed starts"];
    if (keeper_.host() != nullptr) keeper_.crash(sim::Crash::kProcess);
    if (const auto how = std::exchange(crashed_, std::nullopt)) lose(*how);
    boot_at_ = world_.now() + seconds(1);
    return;
  }
  sink_->say("keeper started");
  boot->shard = *std::move(shard);
  world_.spawn(run_shard(*boot));
  boots_.push_back(std::move(boot));
}

void SimWorld::end_keeper(sim::Crash how) {
  if (boot_at_) return;
  note(how == sim::Crash::kPower ? "power cut" : "process crash");
  keeper_.crash(how);
  lose(how);
  bury();
}

// What a crash takes with it. A failed sync is forgotten with what it did not save.
void SimWorld::lose(sim::Crash how) {
  if (how != sim::Crash::kPower) return;
  has_disk_failed_ = false;
  if (weather_.fsync == replog::Fsync::kOs) truth_.forget_acknowledgements();
}

// Of a crashed process: its code runs on, against calls that all fail.
void SimWorld::bury() {
  boots_.back()->shard->stop();
  boot_at_ = world_.now() + some(milliseconds(10), seconds(5));
  std::erase_if(boots_, [](const auto& boot) { return boot->is_done; });
}

void SimWorld::run(rt::Duration time) {
  for (const auto end = world_.now() + time; world_.now() < end && !truth_.violation();) {
    auto until = end;
    if (!mends_.empty()) until = std::min(until, mends_.begin()->first);
    if (boot_at_) until = std::min(until, *boot_at_);
    const auto left = std::max(until - world_.now(), rt::Duration(0));
    world_.run_until([this] { return crashed_ || truth_.violation(); }, left);
    if (const auto how = std::exchange(crashed_, std::nullopt)) {
      lose(*how);
      note("mid-write");
      bury();
    }
    while (!mends_.empty() && mends_.begin()->first <= world_.now()) {
      const auto mend = std::move(mends_.begin()->second);
      mends_.erase(mends_.begin());
      mend();
    }
    if (boot_at_ && *boot_at_ <= world_.now()) boot_keeper();
  }
}

void SimWorld::note(const std::string& fault) {
  ++tally_[fault];
  sink_->say("-- " + fault);
}

rt::Duration SimWorld::some(rt::Duration least, rt::Duration most) {
  return least + rt::Duration(random().below(static_cast<std::uint64_t>((most - least).count())));
}

// As Sentinel does: tells the keeper whom to follow until it says that it will.
rt::Task<void> SimWorld::repoint_loop(rt::Gate& gate) {
  auto& host = *world_.machine("admin").host();
  while (!gate.is_closing()) {
    const auto pause = some(milliseconds(100), seconds(2));
    (void)co_await gate.sleep(pause);
    const auto wanted = masters_.back()->name();
    if (pointed_to_ == wanted || gate.is_closing()) continue;
    std::string wire;
    resp::append_command(wire, {"REPLICAOF", wanted, std::to_string(kMasterPort)});
    const auto boots = keeper_.boots();
    const auto answer = co_await ask_keeper(host, std::move(wire));
    if (!answer || *answer != "+OK" || boots != keeper_.boots()) continue;
    pointed_to_ = wanted;
    note("repointed");
  }
}

std::optional<std::string> SimWorld::play() {
  ModelMasterOptions options;
  options.backlog_bytes = weather_.is_backlog_short ? random().between(1000, 30'000) : kPlenty;
  auto& line = truth_.start_line();
  masters_.push_back(std::make_unique<ModelMaster>(world_.machine("m0"), truth_, line, options));
  boot_keeper();
  for (auto replicas = random().between(1, 3); replicas > 0; --replicas) {
    replicas_.push_back(std::make_unique<ModelReplica>(
        world_.machine("r" + std::to_string(replicas)), truth_, weather_.is_gapless()));
  }
  admin_ = std::make_unique<rt::Gate>(world_.machine("admin").boot());
  admin_->spawn(repoint_loop(*admin_));

  for (auto faults = random().between(3, 20); faults > 0 && !truth_.violation(); --faults) {
    run(some(milliseconds(20), seconds(3)));
    if (!truth_.violation()) strike();
  }
  heal();
  const auto limit = world_.now() + kHealsWithin;
  while (!truth_.violation() && !has_converged() && world_.now() < limit) run(milliseconds(100));
  if (!truth_.violation() && !has_converged()) truth_.wrong("not healed: " + describe());
  end_all();
  return truth_.violation();
}

bool SimWorld::has_converged() const {
  const auto& line = masters_.back()->line();
  return std::all_of(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
    return replica->received() == repl::Position{line.id, repl::Offset{line.end()}};
  });
}

std::string SimWorld::describe() const {
  const auto& line = masters_.back()->line();
  auto text = "master " + std::string(line.id.text().substr(0, 6)) + ":" +
              std::to_string(line.end()) + " acked " + std::to_string(line.acked);
  if (!boots_.empty() && !boot_at_) {
    const auto status = boots_.back()->shard->status();
    if (status.log) text += " keeper " + std::to_string(status.log->history.held.end.bytes());
    text += " failure: " + status.failure.value_or("none");
  }
  for (const auto& replica : replicas_) {
    const auto at = replica->received();
    text += " replica " +
            (at ? std::string(at->id.text().substr(0, 6)) + ":" + std::to_string(at->offset.bytes())
                : std::string("empty"));
  }
  return text;
}

void SimWorld::end_all() {
  sink_->say("-- the end");
  admin_->close();
  world_.machine("admin").crash(sim::Crash::kProcess);
  for (const auto& replica : replicas_) replica->stop();
  for (const auto& master : masters_) {
    if (!master->is_done()) master->stop();
  }
  if (!boot_at_ && keeper_.host() != nullptr) keeper_.crash(sim::Crash::kProcess);
  for (const auto& boot : boots_) boot->shard->stop();
  const auto are_done = [](const auto& all, const auto& is_done) {
    return std::all_of(all.begin(), all.end(), is_done);
  };
  const bool has_ended = world_.run_until(
      [&] {
        return admin_->running() == 0 &&
               are_done(replicas_, [](const auto& replica) { return replica->is_done(); }) &&
               are_done(masters_, [](const auto& master) { return master->is_done(); }) &&
               are_done(boots_, [](const auto& boot) { return boot->is_done; });
      },
      std::chrono::minutes(10));
  CHECK(has_ended);
}

void SimWorld::count(Tally& tally) const {
  for (const auto& [what, times] : tally_) tally[what] += times;
  for (const auto& master : masters_) {
    tally["full in"] += master->full_resyncs();
    tally["partial in"] += master->partial_resyncs();
    tally["snapshot refreshed"] += master->snapshots_saved();
  }
  for (const auto& replica : replicas_) {
    tally["full out"] += replica->full_resyncs();
    tally["partial out"] += replica->partial_resyncs();
  }
  tally["virtual seconds"] += static_cast<std::uint64_t>(world_.now().since_start / seconds(1));
}

}  // namespace sluice::keeper
