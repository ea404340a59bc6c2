// `./dev bench storm`: replicas resync at once from a keeper, while its master serves writes.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "lab/scenario.h"
#include "lab/table.h"
#include "stage.h"
#include "worker.h"

namespace sluice::bench {
namespace {

using namespace std::chrono_literals;
using redis::Words;

constexpr double kLatencyRatioMax = 1.10;
constexpr double kSlack = 1.10;      // on top of what the arithmetic says
constexpr double kStartSeconds = 1;  // processes start, and we look but four times a second
constexpr std::uint64_t kReplicaBuffersMax = 2'000'000;
constexpr auto kPatience = 20min;
constexpr const char* kQuiet = "keeper, no replicas";

struct Options {
  std::uint64_t keys = 10'000'000;
  double rate = 70'000;
  double seconds = 20;  // at least, of each phase
  double slow_megabytes = 6;
  std::vector<std::uint32_t> fakes{4, 16, 64};
  std::uint32_t stock = 4;
  std::uint32_t slow = 4;
  bool real_time = true;
};

// What is measured while some kind of replicas resync.
struct Phase {
  std::string name;
  double in_sync_after = 0;
  double allowed = 0;  // 0: any time
  double longest_buffers = 0;
  lab::Histogram latency;
  std::vector<double> p99_of_seconds;  // milliseconds
  bool all_in_sync = true;

  // The p99 of the second in the middle. What else runs on a machine stalls a few seconds of some
  // phases and none of others; what replicas cost their master would show in all of them.
  double typical_p99() const {
    if (p99_of_seconds.empty()) return 0;
    auto sorted = p99_of_seconds;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    return *middle;
  }
};

double milliseconds(lab::Histogram::Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

class Storm {
 public:
  Storm(Stage& stage, Options options) : stage_(stage), options_(std::move(options)) {}

  rt::Task<Result<>> run() {
    CO_TRY_VOID(co_await start_master());
    CO_TRY_VOID(co_await measure_quiet("alone"));
    CO_TRY_VOID(co_await start_keeper());
    CO_TRY_VOID(co_await measure_quiet(kQuiet));
    if (options_.stock > 0) {
      CO_TRY_VOID(co_await storm_of_stock());
      CO_TRY_VOID(co_await measure_quiet(kQuiet));
    }
    for (const auto count : options_.fakes) {
      CO_TRY_VOID(co_await storm_of_fakes(count, 0));
      CO_TRY_VOID(co_await measure_quiet(kQuiet));
    }
    if (options_.slow > 0) {
      CO_TRY_VOID(co_await refresh_snapshot());
      CO_TRY_VOID(co_await measure_quiet(kQuiet));
      CO_TRY_VOID(co_await storm_of_fakes(options_.slow, options_.slow_megabytes * 1e6));
      CO_TRY_VOID(co_await measure_quiet(kQuiet));
    }
    co_return co_await sum_up();
  }

  bool has_passed() const { return has_passed_; }

 private:
  // Real masters have a machine of their own. Here master and load share two cores with everything
  // else, so they get real-time priority in all phases alike; a fork would not inherit it.
  std::vector<std::string> first() const {
    if (!options_.real_time) return {};
    return {"chrt", "-R", "-f", "10"};
  }
  static std::vector<std::string> last() { return {"nice", "-n", "10"}; }

  rt::Task<Result<>> start_master() {
    lab::RedisNode node{.name = "master",
                        .replica_of = "",
                        .settings = {{"appendonly", "yes"},
                                     {"appendfsync", "everysec"},
                                     {"auto-aof-rewrite-percentage", "0"}},
                        .run_by = first()};
    CO_TRY(master_, co_await stage_.world().start(std::move(node)));
    say(fmt::format("filling the master with {} keys", lab::count_text(options_.keys)));
    Words populate{"DEBUG", "POPULATE", std::to_string(options_.keys), "key", "8"};
    CO_TRY_VOID(co_await stage_.world().need(*master_, std::move(populate)));

    const auto file = stage_.stats_file("load");
    load_ = make_shared_stats<LoadStats>(file);
    std::vector<std::string> words{"load",
                                   "--port",
                                   std::to_string(master_->port()),
                                   "--stats",
                                   file,
                                   "--rate",
                                   fmt::format("{:.0f}", options_.rate),
                                   "--keys",
                                   std::to_string(options_.keys)};
    CO_TRY(load_process_, stage_.worker(std::move(words), first()));
    say(fmt::format("{:.0f} SET a second from now on", options_.rate));
    std::function<bool()> is_loaded = [this] { return load_->answered > 0; };
    CO_TRY_VOID(
        co_await stage_.until(std::move(is_loaded), 30s, "the load generator does nothing"));
    co_return co_await stage_.pause(3s);
  }

  // Where child and keeper get little of the processors, the first copy takes longer than the 60 s
  // for which Redis lets 64 MB of writes wait for a replica: that is not what is measured here.
  rt::Task<Result<>> limit_replica_buffers(std::string limit) {
    Words words{"CONFIG", "SET", "client-output-buffer-limit", "replica " + std::move(limit)};
    CO_TRY_VOID(co_await stage_.world().need(*master_, std::move(words)));
    co_return Result<>();
  }

  rt::Task<Result<>> start_keeper() {
    CO_TRY_VOID(co_await limit_replica_buffers("0 0 0"));
    lab::KeeperNode node{.name = "keeper", .upstream = "master", .flags = {}};
    CO_TRY(keeper_, co_await stage_.world().start(std::move(node)));
    say("the keeper takes its first and only full copy from the master");
    for (;;) {
      const auto info = co_await stage_.world().info(*keeper_);
      if (info && info->field("master_link_status") == "up") break;
      CO_TRY_VOID(co_await stage_.pause(200ms));
    }
    CO_TRY_VOID(co_await stage_.pause(3s));
    CO_TRY_VOID(co_await limit_replica_buffers("256mb 64mb 60"));
    CO_TRY(const auto info, co_await stage_.world().info(*master_));
    forks_before_ = info.number("total_forks");
    full_before_ = info.number("sync_full");
    co_return Result<>();
  }

  // --- phases -----------------------------------------------------------------------------------

  void begin(std::string name) {
    phase_ = Phase();
    phase_.name = std::move(name);
    say("phase: " + phase_.name);
    load_->phase = ++phases_begun_;
    started_ = now();
    second_ends_ = started_ + 1;
    before_second_ = lab::Histogram();
  }

  void end() {
    phase_.latency = load_->latency[phases_begun_];
    load_->phase = 0;
    const auto& seen = phase_.latency;
    say(
        fmt::format("  {} in sync after {:.1f} s; writes p50 {:.2f} p99 {:.2f} (typical second "
                    "{:.2f}) max {:.1f} ms",
                    phase_.all_in_sync ? "all" : "NOT all", phase_.in_sync_after,
                    milliseconds(seen.quantile(0.5)), milliseconds(seen.quantile(0.99)),
                    phase_.typical_p99(), milliseconds(seen.max())));
    phases_.push_back(phase_);
  }

  rt::Task<Result<>> measure_quiet(std::string name) {
    begin(std::move(name));
    CO_TRY_VOID(co_await keep_looking());
    end();
    co_return Result<>();
  }

  // Until the phase is long enough.
  rt::Task<Result<>> keep_looking() {
    do {
      CO_TRY_VOID(co_await look());
    } while (now() - started_ < options_.seconds);
    co_return Result<>();
  }

  rt::Task<Result<>> look() {
    CO_TRY_VOID(co_await stage_.pause(250ms));
    CO_TRY(const auto info, co_await stage_.world().info(*master_));
    head_ = info.number("master_repl_offset");
    const auto buffers = static_cast<double>(info.number("mem_clients_slaves"));
    phase_.longest_buffers = std::max(phase_.longest_buffers, buffers);
    end_second();
    co_return Result<>();
  }

  void end_second() {
    if (now() < second_ends_) return;
    const lab::Histogram so_far = load_->latency[phases_begun_];  // which goes on growing
    const auto second = so_far.since(before_second_);
    before_second_ = so_far;
    if (second.count() > 0) phase_.p99_of_seconds.push_back(milliseconds(second.quantile(0.99)));
    second_ends_ = now() + 1;
  }

  rt::Task<Result<>> storm_of_stock() {
    begin(fmt::format("{} stock replicas", options_.stock));
    std::vector<lab::Server*> replicas;
    for (std::uint32_t i = 1; i <= options_.stock; ++i) {
      lab::RedisNode node{.name = fmt::format("stock-{}", i),
                          .replica_of = "keeper",
                          .settings = {{"rdb-del-sync-files", "yes"}},
                          .run_by = last()};
      CO_TRY(auto* replica, co_await stage_.world().start(std::move(node)));
      replicas.push_back(replica);
    }
    bool in_sync = false;
    while (!in_sync && now() - started_ < seconds(kPatience)) {
      CO_TRY_VOID(co_await look());
      in_sync = true;
      for (auto* replica : replicas) {
        const auto info = co_await stage_.world().info(*replica);
        in_sync = in_sync && info && info->field("master_link_status") == "up" &&
                  is_current(info->number("slave_repl_offset"));
        if (!in_sync) break;
      }
    }
    finish_sync(in_sync);
    CO_TRY_VOID(co_await keep_looking());
    end();
    for (auto* replica : replicas) co_await stage_.world().kill(*replica);
    co_return Result<>();
  }

  rt::Task<Result<>> storm_of_fakes(std::uint32_t count, double bytes_per_second) {
    const auto file = stage_.stats_file("replicas");
    const auto* replicas = make_shared_stats<ReplicasStats>(file);
    std::string name = fmt::format("{} draining replicas", count);
    double allowed = 0;
    if (bytes_per_second > 0) {
      name = fmt::format("{} replicas at {:.0f} MB/s", count, bytes_per_second / 1e6);
      CO_TRY(allowed, co_await time_for(bytes_per_second));
    }
    begin(std::move(name));
    phase_.allowed = allowed;
    std::vector<std::string> words{"replicas",
                                   "--port",
                                   std::to_string(keeper_->port()),
                                   "--stats",
                                   file,
                                   "--count",
                                   std::to_string(count),
                                   "--bytes-per-second",
                                   fmt::format("{:.0f}", bytes_per_second)};
    CO_TRY(const auto process, stage_.worker(std::move(words), last()));
    std::function<bool()> has_begun = [replicas] { return replicas->replica[0].full_syncs > 0; };
    CO_TRY_VOID(
        co_await stage_.until(std::move(has_begun), 60s, "no replica was given a snapshot"));
    bool in_sync = false;
    while (!in_sync && now() - started_ < seconds(kPatience)) {
      CO_TRY_VOID(co_await look());
      const auto stays_behind = [&](const ReplicaStats& r) {
        return !r.streaming || !is_current(r.offset);
      };
      in_sync =
          std::none_of(replicas->replica.begin(), replicas->replica.begin() + count, stays_behind);
    }
    finish_sync(in_sync);
    CO_TRY_VOID(co_await keep_looking());
    end();
    co_return Result<>();
  }

  // Less than a second's worth of the stream away from the master.
  bool is_current(std::uint64_t offset) const {
    return static_cast<double>(offset) + stream_rate_ >= static_cast<double>(head_);
  }

  void finish_sync(bool in_sync) {
    phase_.all_in_sync = in_sync;
    phase_.in_sync_after = now() - started_;
  }

  // What the arithmetic says, and a tenth more: the snapshot at this rate, and what has been
  // written since it was taken at the rate by which the link outruns the stream.
  rt::Task<Result<double>> time_for(double bytes_per_second) {
    CO_TRY(const auto status, co_await keeper_status());
    CO_TRY_VOID(co_await measure_stream_rate());
    const auto snapshot = static_cast<double>(status.number("keeper_snapshot_bytes"));
    const auto tail = static_cast<double>(status.number("keeper_tail_bytes"));
    const double transfer = snapshot / bytes_per_second;
    const double backlog = tail + stream_rate_ * transfer;
    const double catch_up = backlog / (bytes_per_second - stream_rate_);
    say(fmt::format("snapshot {}, tail {}, stream {}/s: {:.0f} s + {:.0f} s",
                    lab::bytes_text(snapshot), lab::bytes_text(tail), lab::bytes_text(stream_rate_),
                    transfer, catch_up));
    co_return (transfer + catch_up) * kSlack + kStartSeconds;
  }

  rt::Task<Result<redis::Info>> keeper_status() {
    Words words{"KEEPER", "STATUS"};
    CO_TRY(const auto reply, co_await stage_.world().need(*keeper_, std::move(words)));
    co_return redis::Info::parse(reply.text);
  }

  rt::Task<Result<>> measure_stream_rate() {
    CO_TRY_VOID(co_await look());
    const auto before = head_;
    const double start = now();
    CO_TRY_VOID(co_await stage_.pause(3s));
    CO_TRY_VOID(co_await look());
    stream_rate_ = static_cast<double>(head_ - before) / (now() - start);
    co_return Result<>();
  }

  rt::Task<Result<>> refresh_snapshot() {
    Words words{"KEEPER", "SNAPSHOT"};
    CO_TRY_VOID(co_await stage_.world().need(*keeper_, std::move(words)));
    const double start = now();
    for (;;) {
      CO_TRY_VOID(co_await stage_.pause(500ms));
      CO_TRY(const auto info, co_await stage_.world().info(*keeper_));
      if (info.number("rdb_bgsave_in_progress") == 0) break;
    }
    say(fmt::format("snapshot refreshed without the master in {:.0f} s", now() - start));
    co_return Result<>();
  }

  // --- the end ----------------------------------------------------------------------------------

  void demand(bool is_so, const std::string& what) {
    say((is_so ? "ok     " : "FAILED ") + what);
    has_passed_ = has_passed_ && is_so;
  }

  rt::Task<Result<>> sum_up() {
    CO_TRY(const auto info, co_await stage_.world().info(*master_));
    lab::Table table({"phase", "in sync s", "at most s", "p50 ms", "p99 of a second", "ratio",
                      "p99 of all", "max ms", "buffers"});
    for (const auto& phase : phases_) {
      const double quiet = quiet_beside(phase);
      const auto& seen = phase.latency;
      const double p99 = phase.typical_p99();
      table.add({phase.name, fmt::format("{:.1f}", phase.in_sync_after),
                 phase.allowed > 0 ? fmt::format("{:.0f}", phase.allowed) : "-",
                 fmt::format("{:.2f}", milliseconds(seen.quantile(0.5))),
                 fmt::format("{:.2f}", p99), fmt::format("{:.2f}", p99 / quiet),
                 fmt::format("{:.2f}", milliseconds(seen.quantile(0.99))),
                 fmt::format("{:.1f}", milliseconds(seen.max())),
                 lab::bytes_text(phase.longest_buffers)});
    }
    say("\n" + table.text());
    const auto forks = info.number("total_forks") - forks_before_;
    const auto copies = info.number("sync_full") - full_before_;
    demand(forks == 0, fmt::format("the master forked {} times in all storms", forks));
    demand(copies == 0, fmt::format("the master made {} full copies in all storms", copies));
    demand(load_->errors == 0, fmt::format("{} writes failed", load_->errors.load()));
    for (const auto& phase : phases_) judge(phase);
    co_return Result<>();
  }

  // What is typical right before and right after a storm: a machine's pace wanders over minutes by more
  // than what is to be seen here.
  double quiet_beside(const Phase& phase) const {
    const auto at = static_cast<std::size_t>(&phase - phases_.data());
    if (phase.name == kQuiet || at == 0) return phases_.front().typical_p99();
    const double before = phases_[at - 1].typical_p99();
    return at + 1 < phases_.size() ? (before + phases_[at + 1].typical_p99()) / 2 : before;
  }

  void judge(const Phase& phase) {
    if (phase.name == kQuiet || &phase == phases_.data()) return;
    const bool in_time = phase.allowed == 0 || phase.in_sync_after <= phase.allowed;
    demand(phase.all_in_sync && in_time, phase.name + ": all in sync, in time");
    demand(phase.longest_buffers < kReplicaBuffersMax, phase.name + ": replica buffers below 2 MB");
    const double p99 = phase.typical_p99();
    const double quiet = quiet_beside(phase);
    demand(p99 <= quiet * kLatencyRatioMax,
           fmt::format("{}: p99 {:.2f} ms in a typical second, within 10 % of the {:.2f} ms before "
                       "and after it",
                       phase.name, p99, quiet));
  }

  double now() const { return seconds(stage_.host().clock().now().since_start); }
  static double seconds(rt::Duration time) { return std::chrono::duration<double>(time).count(); }

  Stage& stage_;
  const Options options_;
  lab::Server* master_ = nullptr;
  lab::Server* keeper_ = nullptr;
  LoadStats* load_ = nullptr;
  std::unique_ptr<rt::Process> load_process_;
  std::vector<Phase> phases_;
  Phase phase_;
  std::uint32_t phases_begun_ = 0;
  double started_ = 0;
  double second_ends_ = 0;
  lab::Histogram before_second_;  // of this phase
  std::uint64_t head_ = 0;        // the master's offset when it was last asked
  double stream_rate_ = 4e6;
  std::uint64_t forks_before_ = 0;
  std::uint64_t full_before_ = 0;
  bool has_passed_ = true;
};

rt::Task<int> storm(rt::Host& host, lab::Wish& wish, Options options) {
  auto folder = lab::Folder::make(host, std::nullopt);
  if (!folder) co_return 1;
  Stage stage(host, wish, *std::move(folder));
  Storm bench(stage, std::move(options));
  const auto outcome = co_await bench.run();
  co_await stage.world().stop();
  if (!outcome) {
    say("bench storm: " + outcome.error().detail);
    co_return 1;
  }
  say(bench.has_passed() ? "all as it must be" : "NOT all as it must be: see above");
  co_return bench.has_passed() ? 0 : 1;
}

int run(int argc, char** argv) {
  if (const auto code = run_as_worker({argv, argv + argc})) return *code;
  CLI::App app(
      "Replicas resync from a keeper, many at once and slow ones, while its master writes.");
  Options options;
  bool no_real_time = false;
  app.add_option("--keys", options.keys, "In the master.")->capture_default_str();
  app.add_option("--rate", options.rate, "SETs a second.")->capture_default_str();
  app.add_option("--seconds", options.seconds, "Each phase lasts at least.")->capture_default_str();
  app.add_option("--stock", options.stock, "Stock replicas.")->capture_default_str();
  app.add_option("--fakes", options.fakes, "Draining replicas, one phase each.")
      ->capture_default_str();
  app.add_option("--slow", options.slow, "Replicas on slow links.")->capture_default_str();
  app.add_option("--slow-megabytes", options.slow_megabytes, "MB/s of a slow link.")
      ->capture_default_str();
  app.add_flag("--no-real-time", no_real_time, "Master and load at normal priority.");
  CLI11_PARSE(app, argc, argv);
  options.real_time = !no_real_time;
  return lab::run_session(
      [&options](rt::Host& host, lab::Wish& wish) { return storm(host, wish, options); });
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  return sluice::bench::run(argc, argv);
}
