// Case 5, billing: replicas that storm their master, and a master that comes back empty and then as
// its own replica. First as stock Redis lives through it, then with a keeper in between.
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <utility>

#include "cases/cases.h"
#include "lab/scenario.h"
#include "lab/table.h"
#include "lab/traffic.h"

namespace sluice::cases {
namespace {

using namespace std::chrono_literals;
using lab::Server;
using redis::Info;
using redis::Words;

constexpr int kReplicas = 3;
constexpr std::uint64_t kDigestKeysMax = 1'000'000;  // DEBUG DIGEST takes seconds beyond
constexpr double kNoticeMax = 30;                    // seconds for the keeper to notice
constexpr auto kTimeToSpread = 3s;                   // in which an emptiness reaches every replica

struct Scale {
  std::uint64_t keys;
  double rate;            // of writes
  std::uint64_t backlog;  // of the master, in bytes: what a cut has to outlast
  std::chrono::seconds patience;
};
constexpr Scale kFull{2'000'000, 10'000, 1 << 20, 300s};
constexpr Scale kQuick{50'000, 2'000, 64 << 10, 60s};

enum class Front : std::uint8_t { kNone, kKeeper };

// What the table at the end says of a run.
struct Outcome {
  std::uint64_t full_copies = 0;  // made by the master in both storms
  std::uint64_t forks = 0;
  double in_sync_after = 0;   // the cut
  double refilled_after = 0;  // the restart of all replicas with nothing
  double worst_write_ms = 0;
  std::uint64_t keys_before = 0;
  std::uint64_t keys_after = 0;  // on the replica that has the fewest, after the empty restart
  std::string found = "never";
  std::string own_replica = "followed blindly";
  std::string restored = "no";
};

// A master, maybe a keeper, and replicas; and what happens to them.
class Deployment {
 public:
  Deployment(lab::Scenario& scenario, Front front, Scale scale)
      : scenario_(scenario),
        world_(scenario.world()),
        front_(front),
        scale_(scale),
        prefix_(front == Front::kKeeper ? "kept-" : "plain-") {}

  rt::Task<Result<>> play() {
    CO_TRY_VOID(co_await start());
    CO_TRY_VOID(co_await outlast_a_cut());
    CO_TRY_VOID(co_await refill_all());
    CO_TRY_VOID(co_await come_back_empty());
    CO_TRY_VOID(co_await become_own_replica());
    if (front_ == Front::kKeeper) CO_TRY_VOID(co_await restore());
    co_return Result<>();
  }

  // Whatever happened: the next deployment needs the room.
  rt::Task<void> stop() {
    co_await stop_traffic();
    for (auto* replica : replicas_) co_await world_.stop(*replica);
    if (keeper_ != nullptr) co_await world_.stop(*keeper_);
    if (master_ != nullptr) co_await world_.stop(*master_);
  }

  const Outcome& outcome() const { return outcome_; }

 private:
  lab::RedisNode master_node() const {
    return {.name = prefix_ + "master",
            .replica_of = "",
            .settings = {{"repl-backlog-size", std::to_string(scale_.backlog)}}};
  }

  rt::Task<Result<>> start() {
    CO_TRY(master_, co_await world_.start(master_node()));
    scenario_.say(fmt::format("a master with {} keys", lab::count_text(scale_.keys)));
    Words populate{"DEBUG", "POPULATE", std::to_string(scale_.keys), "account", "16"};
    CO_TRY_VOID(co_await world_.need(*master_, std::move(populate)));
    if (front_ == Front::kKeeper) {
      lab::KeeperNode node{.name = "keeper", .upstream = master_->name(), .flags = {}};
      CO_TRY(keeper_, co_await world_.start(std::move(node)));
      CO_TRY_VOID(co_await scenario_.until(*keeper_, is_linked(0), "has no snapshot"));
      scenario_.say("a keeper follows it");
    }
    source_ = front_ == Front::kKeeper ? keeper_ : master_;
    for (int i = 1; i <= kReplicas; ++i) {
      lab::RedisNode node{.name = prefix_ + "replica-" + std::to_string(i),
                          .replica_of = source_->name(),
                          .settings = {{"rdb-del-sync-files", "yes"}}};
      CO_TRY(auto* replica, co_await world_.start(std::move(node)));
      replicas_.push_back(replica);
    }
    CO_TRY_VOID(co_await until_all(is_linked(scale_.keys), "is not in sync"));
    scenario_.say(fmt::format("{} replicas follow the {}", kReplicas, source_role()));
    start_traffic();
    co_return Result<>();
  }

  // --- the storms -------------------------------------------------------------------------------

  rt::Task<Result<>> outlast_a_cut() {
    CO_TRY(const auto before, co_await world_.info(*master_));
    CO_TRY(const auto source_before, co_await world_.info(*source_));
    scenario_.say(fmt::format("cut: every replica loses the {}", source_role()));
    CO_TRY_VOID(co_await point_all_to(1));  // nobody listens there
    const auto wanted = before.replication_offset() + 2 * scale_.backlog;
    CO_TRY_VOID(co_await scenario_.until(*master_, is_at(wanted), "its stream stands still"));
    CO_TRY(const auto healed, co_await world_.info(*master_));
    scenario_.say(fmt::format("heal, {} of writes later: all of them ask at once",
                              lab::bytes_text(static_cast<double>(healed.replication_offset() -
                                                                  before.replication_offset()))));
    const double start = scenario_.seconds();
    CO_TRY_VOID(co_await point_all_to(source_->port()));
    CO_TRY_VOID(co_await until_all(is_linked_at(healed.replication_offset()), "is not in sync"));
    outcome_.in_sync_after = scenario_.seconds() - start;
    scenario_.say(fmt::format("all in sync after {:.1f} s", outcome_.in_sync_after));
    CO_TRY_VOID(co_await count_copies(before));
    if (front_ == Front::kKeeper) {
      CO_TRY(const auto source, co_await world_.info(*source_));
      const auto continued =
          source.number("sync_partial_ok") - source_before.number("sync_partial_ok");
      scenario_.expect(continued >= kReplicas, "every replica went on where it was: +CONTINUE");
    }
    co_return Result<>();
  }

  rt::Task<Result<>> refill_all() {
    CO_TRY(const auto before, co_await world_.info(*master_));
    scenario_.say("all replicas restart with nothing: full copies for everybody");
    const double start = scenario_.seconds();
    for (auto* replica : replicas_) co_await world_.kill(*replica);
    for (auto* replica : replicas_) {
      CO_TRY_VOID(co_await world_.restart(*replica, replica->node()));
    }
    CO_TRY_VOID(co_await until_all(is_linked_at(before.replication_offset()), "is not in sync"));
    outcome_.refilled_after = scenario_.seconds() - start;
    scenario_.say(fmt::format("all in sync after {:.1f} s", outcome_.refilled_after));
    co_return co_await count_copies(before);
  }

  rt::Task<Result<>> count_copies(Info before) {
    CO_TRY(const auto after, co_await world_.info(*master_));
    const auto copies = after.number("sync_full") - before.number("sync_full");
    const auto forks = after.number("total_forks") - before.number("total_forks");
    outcome_.full_copies += copies;
    outcome_.forks += forks;
    const auto text =
        fmt::format("the master made {} full copies and forked {} times", copies, forks);
    if (front_ == Front::kKeeper) {
      scenario_.expect(copies == 0 && forks == 0, text);
    } else {
      scenario_.expect(copies >= kReplicas && forks >= 1, text + ", as stock Redis does");
    }
    co_return Result<>();
  }

  // --- the master comes back wrong --------------------------------------------------------------

  rt::Task<Result<>> come_back_empty() {
    co_await stop_traffic();
    CO_TRY(const auto last, co_await world_.info(*master_));
    CO_TRY_VOID(co_await until_all(is_linked_at(last.replication_offset()), "is not in sync"));
    CO_TRY(outcome_.keys_before, co_await fewest_keys());
    CO_TRY(digest_, co_await digest_of(*replicas_.front()));
    Words save{"SAVE"};
    CO_TRY_VOID(co_await world_.need(*master_, std::move(save)));
    scenario_.say("the master is restarted with appendonly yes: there is a dump.rdb, but no AOF");
    auto node = master_node();
    node.settings.emplace_back("appendonly", "yes");
    CO_TRY_VOID(co_await world_.restart(*master_, std::move(node)));
    CO_TRY(const auto empty, co_await world_.info(*master_));
    scenario_.expect(empty.keys() == 0, "it comes up empty, without a word");
    if (front_ == Front::kKeeper) {
      CO_TRY_VOID(co_await see_quarantine("the emptiness"));
    }
    CO_TRY_VOID(co_await scenario_.pause(kTimeToSpread));
    CO_TRY(outcome_.keys_after, co_await fewest_keys());
    const auto text =
        fmt::format("{} s later the replicas hold {} of {} keys", kTimeToSpread.count(),
                    lab::count_text(outcome_.keys_after), lab::count_text(outcome_.keys_before));
    if (front_ == Front::kKeeper) {
      scenario_.expect(outcome_.keys_after == outcome_.keys_before, text);
    } else {
      scenario_.expect(outcome_.keys_after == 0, text + ": they have copied the emptiness");
    }
    co_return Result<>();
  }

  rt::Task<Result<>> become_own_replica() {
    if (front_ == Front::kKeeper) {
      Words reject{"KEEPER", "REJECT"};
      CO_TRY_VOID(co_await world_.need(*keeper_, std::move(reject)));
      scenario_.say("KEEPER REJECT: what the master offers is dropped");
    }
    scenario_.say("the master is restarted once more, now as a replica of itself");
    auto node = master_node();
    node.settings.emplace_back("appendonly", "yes");
    node.replica_of = std::to_string(master_->port());
    CO_TRY_VOID(co_await world_.restart(*master_, std::move(node)));
    Words set{"SET", "account:1", "balance"};
    CO_TRY(const auto refused, co_await world_.call(*master_, std::move(set)));
    scenario_.expect(refused.is_error(), "it takes no writes: " + refused.text);
    if (front_ == Front::kNone) co_return Result<>();
    CO_TRY_VOID(co_await see_quarantine("the master that follows itself"));
    CO_TRY_VOID(co_await scenario_.pause(kTimeToSpread));
    CO_TRY(const auto keys, co_await fewest_keys());
    scenario_.expect(keys == outcome_.keys_before, "the replicas still hold everything");
    outcome_.own_replica = "quarantined";
    co_return Result<>();
  }

  // Both places where an operator looks; neither may still show what was held back before.
  rt::Task<Result<>> see_quarantine(std::string what) {
    const double start = scenario_.seconds();
    double alert = 0;
    std::string reason;
    while (scenario_.seconds() - start < kNoticeMax) {
      const auto metric = co_await lab::metric_of(world_, *keeper_, "sluice_keeper_quarantined");
      alert = metric.value_or(0);
      CO_TRY(reason, co_await quarantine_reason());
      if (alert == 1 && !reason.empty() && reason != last_reason_) break;
      CO_TRY_VOID(co_await scenario_.pause(50ms));
    }
    const double seconds = scenario_.seconds() - start;
    scenario_.expect(alert == 1, fmt::format("sluice_keeper_quarantined is 1 after {:.1f} s: {} is "
                                             "held back",
                                             seconds, what));
    scenario_.expect(!reason.empty() && reason != last_reason_,
                     "KEEPER STATUS says why: " + reason);
    if (outcome_.found == "never") outcome_.found = fmt::format("{:.1f} s", seconds);
    last_reason_ = reason;
    co_return Result<>();
  }

  rt::Task<Result<std::string>> quarantine_reason() {
    Words words{"KEEPER", "STATUS"};
    CO_TRY(const auto status, co_await world_.need(*keeper_, std::move(words)));
    co_return std::string(Info::parse(status.text).field("keeper_quarantine_reason"));
  }

  rt::Task<Result<>> restore() {
    const double start = scenario_.seconds();
    co_await world_.stop(*master_);
    scenario_.say(
        "sluice log export: the data set as of the log's end becomes the master's dump.rdb");
    std::vector<std::string> words{"log",          "export", "--dir",
                                   keeper_->dir(), "--out",  master_->dir() + "/dump.rdb"};
    CO_TRY_VOID(co_await world_.run_sluice(std::move(words)));
    CO_TRY_VOID(co_await world_.restart(*master_, master_node()));
    CO_TRY_VOID(co_await scenario_.until(*master_, is_loaded(), "does not load the export"));
    CO_TRY(const auto info, co_await world_.info(*master_));
    scenario_.expect(info.keys() == outcome_.keys_before,
                     fmt::format("the master is back with {} keys", lab::count_text(info.keys())));
    CO_TRY(const auto digest, co_await digest_of(*master_));
    if (!digest.empty()) scenario_.expect(digest == digest_, "and they are the same: DEBUG DIGEST");
    CO_TRY_VOID(co_await scenario_.until(*keeper_, is_linked(0), "does not follow again"));
    start_traffic();
    CO_TRY_VOID(co_await see_writes_flow());
    outcome_.restored = fmt::format("{:.1f} s", scenario_.seconds() - start);
    CO_TRY(const bool is_gone, co_await alert_goes());
    scenario_.expect(is_gone, "the alert is gone");
    co_return Result<>();
  }

  // Metrics are refreshed once a second.
  rt::Task<Result<bool>> alert_goes() {
    const double start = scenario_.seconds();
    while (scenario_.seconds() - start < kNoticeMax) {
      const auto alert = co_await lab::metric_of(world_, *keeper_, "sluice_keeper_quarantined");
      if (alert.value_or(1) == 0) co_return true;
      CO_TRY_VOID(co_await scenario_.pause(50ms));
    }
    co_return false;
  }

  rt::Task<Result<>> see_writes_flow() {
    Words set{"SET", "account:after", "restored"};
    CO_TRY_VOID(co_await world_.need(*master_, std::move(set)));
    CO_TRY(const auto master, co_await world_.info(*master_));
    CO_TRY_VOID(co_await until_all(is_linked_at(master.replication_offset()), "gets no writes"));
    bool arrived = true;
    for (auto* replica : replicas_) {
      Words get{"GET", "account:after"};
      CO_TRY(const auto value, co_await world_.need(*replica, std::move(get)));
      arrived = arrived && value.text == "restored";
    }
    scenario_.expect(arrived, "writes flow to every replica again");
    co_return Result<>();
  }

  // --- small things -----------------------------------------------------------------------------

  std::string source_role() const { return front_ == Front::kKeeper ? "keeper" : "master"; }

  static lab::Scenario::Predicate is_linked(std::uint64_t keys) {
    return [keys](const Info& info) {
      return info.field("master_link_status") == "up" && info.keys() >= keys;
    };
  }
  static lab::Scenario::Predicate is_loaded() {
    return [](const Info& info) { return info.field("loading") == "0"; };
  }
  static lab::Scenario::Predicate is_at(std::uint64_t offset) {
    return [offset](const Info& info) { return info.replication_offset() >= offset; };
  }
  static lab::Scenario::Predicate is_linked_at(std::uint64_t offset) {
    return [offset](const Info& info) {
      return info.field("master_link_status") == "up" && info.replication_offset() >= offset;
    };
  }

  rt::Task<Result<>> until_all(lab::Scenario::Predicate holds, std::string what) {
    for (auto* replica : replicas_) CO_TRY_VOID(co_await scenario_.until(*replica, holds, what));
    co_return Result<>();
  }

  rt::Task<Result<>> point_all_to(std::uint16_t port) {
    for (auto* replica : replicas_) {
      Words words{"REPLICAOF", "127.0.0.1", std::to_string(port)};
      CO_TRY_VOID(co_await world_.need(*replica, std::move(words)));
    }
    co_return Result<>();
  }

  rt::Task<Result<std::uint64_t>> fewest_keys() {
    std::uint64_t fewest = UINT64_MAX;
    for (auto* replica : replicas_) {
      CO_TRY(const auto info, co_await world_.info(*replica));
      fewest = std::min(fewest, info.keys());
    }
    co_return fewest;
  }

  rt::Task<Result<std::string>> digest_of(Server& server) {
    if (scale_.keys > kDigestKeysMax) co_return std::string();
    Words words{"DEBUG", "DIGEST"};
    CO_TRY(auto reply, co_await world_.need(server, std::move(words)));
    co_return std::move(reply.text);
  }

  void start_traffic() {
    lab::TrafficOptions options{.rate = scale_.rate, .workload = {}};
    options.workload.has_expiring_keys = false;
    traffic_gate_ = std::make_unique<rt::Gate>(world_.host());
    traffic_ = std::make_unique<lab::Traffic>(world_, *master_, options);
    traffic_gate_->spawn(traffic_->run(*traffic_gate_));
  }

  rt::Task<void> stop_traffic() {
    if (!traffic_gate_) co_return;
    traffic_gate_->close();
    co_await traffic_gate_->closed();
    const double worst = std::chrono::duration<double>(traffic_->latency().max()).count() * 1000;
    outcome_.worst_write_ms = std::max(outcome_.worst_write_ms, worst);
    traffic_gate_.reset();
    traffic_.reset();
  }

  lab::Scenario& scenario_;
  lab::World& world_;
  const Front front_;
  const Scale scale_;
  const std::string prefix_;
  Server* master_ = nullptr;
  Server* keeper_ = nullptr;
  Server* source_ = nullptr;  // whom the replicas follow
  std::vector<Server*> replicas_;
  std::unique_ptr<rt::Gate> traffic_gate_;
  std::unique_ptr<lab::Traffic> traffic_;
  std::string digest_;       // of the data set before the master came back wrong
  std::string last_reason_;  // why the keeper held something back
  Outcome outcome_;
};

std::string table(const Outcome& plain, const Outcome& kept) {
  lab::Table table({"", "plain Redis", "with a keeper"});
  const auto row = [&](const char* what, auto text) { table.add({what, text(plain), text(kept)}); };
  row("full copies that the master made",
      [](const auto& o) { return lab::count_text(o.full_copies); });
  row("forks of the master", [](const auto& o) { return lab::count_text(o.forks); });
  row("in sync after the cut", [](const auto& o) { return lab::duration_text(o.in_sync_after); });
  row("in sync from nothing", [](const auto& o) { return lab::duration_text(o.refilled_after); });
  row("longest write meanwhile",
      [](const auto& o) { return lab::duration_text(o.worst_write_ms / 1e3); });
  row("keys before the empty restart",
      [](const auto& o) { return lab::count_text(o.keys_before); });
  row("keys on the replicas after it", [](const auto& o) { return lab::count_text(o.keys_after); });
  row("emptiness noticed after", [](const auto& o) { return o.found; });
  row("master that follows itself", [](const auto& o) { return o.own_replica; });
  row("restored, writes flow again", [](const auto& o) { return o.restored; });
  return table.text();
}

rt::Task<Result<Outcome>> play(lab::Scenario& scenario, Front front, Scale scale) {
  Deployment deployment(scenario, front, scale);
  const auto outcome = co_await deployment.play();
  co_await deployment.stop();
  if (!outcome) co_return tl::unexpected(outcome.error());
  co_return deployment.outcome();
}

rt::Task<Result<>> play_both(lab::Scenario& scenario, Scale scale) {
  scenario.title("Plain Redis: replicas at the master");
  CO_TRY(const auto plain, co_await play(scenario, Front::kNone, scale));
  scenario.title("With a keeper between the master and its replicas");
  CO_TRY(const auto kept, co_await play(scenario, Front::kKeeper, scale));
  std::fputs(("\n" + table(plain, kept)).c_str(), stdout);
  co_return Result<>();
}

rt::Task<int> storm(rt::Host& host, lab::Wish& wish, Scale scale) {
  auto folder = lab::Folder::make(host, std::nullopt);
  if (!folder) {
    std::fprintf(stderr, "case resync-storm: %s\n", folder.error().detail.c_str());
    co_return 1;
  }
  lab::World world(host, *std::move(folder),
                   {.dir = std::nullopt, .start_timeout = 300s, .call_timeout = 300s});
  lab::Scenario scenario(world, wish);
  scenario.set_patience(scale.patience);
  const auto outcome = co_await play_both(scenario, scale);
  co_await world.stop();
  if (!outcome) {
    std::fprintf(stderr, "case resync-storm: %s\n", outcome.error().detail.c_str());
    co_return 1;
  }
  std::printf("\n%s\n", scenario.failures() == 0 ? "every expectation held"
                                                 : "NOT every expectation held: see above");
  co_return scenario.failures() == 0 ? 0 : 1;
}

}  // namespace

int run_resync_storm(const Options& options) {
  Scale scale = options.is_quick ? kQuick : kFull;
  if (options.keys > 0) scale.keys = options.keys;
  return lab::run_session(
      [scale](rt::Host& host, lab::Wish& wish) { return storm(host, wish, scale); });
}

}  // namespace sluice::cases
