// `./dev bench ingest`: what a keeper costs per byte, beside a plain loop that only copies.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "lab/table.h"
#include "pattern.h"
#include "stage.h"
#include "synthetic_log.h"
#include "worker.h"

namespace sluice::bench {
namespace {

using namespace std::chrono_literals;

constexpr double kRatioMax = 1.3;
constexpr double kResidentBytesMax = 64e6;
constexpr std::uint64_t kSegmentBytes = 256ULL << 20;
constexpr std::uint32_t kMemoryReplicas = 64;
constexpr auto kPatience = 10min;

struct Options {
  double gigabytes = 4;
  std::uint32_t runs = 3;
  std::string mix = "mixed";
  std::string fsync = "everysec";
  std::vector<std::uint32_t> replicas{0, 1, 4, 16};
  std::uint64_t log_gigabytes = 100;
};

struct Cost {
  double ns_per_byte = 0;
  double bytes_per_second = 0;
  double resident_bytes_max = 0;
};

enum class Subject : std::uint8_t { kPlain, kKeeper };

// One measurement: a pump, the subject that follows it, and replicas that follow the subject.
class Run {
 public:
  Run(Stage& stage, const Options& options, std::uint32_t replicas)
      : stage_(stage),
        options_(options),
        replicas_(replicas),
        bytes_(static_cast<std::uint64_t>(options.gigabytes * 1e9)) {}

  // The most memory that a keeper holds while replicas read all over a log that is far larger than
  // the machine's memory, and the stream comes in.
  rt::Task<Result<double>> measure_memory() {
    const std::string name = "keeper-large";
    CO_TRY(const auto folder, stage_.world().folder().directory().folder(name));
    const auto segments =
        static_cast<std::uint32_t>(options_.log_gigabytes * 1'000'000'000 / kSegmentBytes + 1);
    CO_TRY(const auto end, make_synthetic_log(*folder, segments));
    CO_TRY_VOID(co_await start_pump());
    lab::KeeperNode node{.name = name,
                         .upstream = std::to_string(pump_->port),
                         .flags = {"--fsync", options_.fsync, "--retention-bytes", "1TiB"}};
    CO_TRY_VOID(co_await follow(std::move(node)));
    const auto file = stage_.stats_file("replicas");
    replica_stats_ = make_shared_stats<ReplicasStats>(file);
    std::vector<std::string> words{"replicas",
                                   "--port",
                                   std::to_string(subject_port_),
                                   "--stats",
                                   file,
                                   "--count",
                                   std::to_string(kMemoryReplicas),
                                   "--replid",
                                   std::string(kPumpReplid),
                                   "--spread",
                                   std::to_string(end),
                                   "--bytes-per-second",
                                   "4000000"};
    CO_TRY(replicas_process_, stage_.worker(std::move(words), {}));
    pump_->limit = end + bytes_;
    for (int i = 0; i < 100; ++i) CO_TRY_VOID(co_await stage_.pause(100ms));
    const bool all_read = std::all_of(
        replica_stats_->replica.begin(), replica_stats_->replica.begin() + kMemoryReplicas,
        [](const ReplicaStats& r) { return r.streaming && r.stream_bytes > 0; });
    if (!all_read) co_return fail(Errc::kRejected, "not all replicas read from the large log");
    CO_TRY(const auto usage, lab::usage_of(stage_.host(), subject_pid_));
    CO_TRY_VOID(co_await remove_keeper());
    co_return static_cast<double>(usage.resident_bytes_max);
  }

  rt::Task<Result<Cost>> measure(Subject subject) {
    CO_TRY_VOID(co_await start_pump());
    if (subject == Subject::kPlain) {
      CO_TRY_VOID(co_await start_copy());
    } else {
      CO_TRY_VOID(co_await start_keeper());
    }
    CO_TRY_VOID(co_await start_replicas());
    CO_TRY(const auto cost, co_await pour());
    co_return cost;
  }

 private:
  rt::Task<Result<>> start_pump() {
    const auto file = stage_.stats_file("pump");
    pump_ = make_shared_stats<PumpStats>(file);
    CO_TRY(pump_process_, stage_.worker({"pump", "--stats", file, "--mix", options_.mix}, {}));
    std::function<bool()> is_listening = [this] { return pump_->port != 0; };
    co_return co_await stage_.until(std::move(is_listening), 10s, "the pump does not listen");
  }

  rt::Task<Result<>> start_copy() {
    const auto file = stage_.stats_file("copy");
    copy_ = make_shared_stats<CopyStats>(file);
    const std::string upstream = std::to_string(pump_->port);
    std::vector<std::string> words{
        "copy", "--upstream", upstream, "--stats", file, "--dir", stage_.world().folder().path()};
    if (options_.fsync == "everysec") words.emplace_back("--sync-every-second");
    CO_TRY(subject_process_, stage_.worker(std::move(words), {}));
    subject_pid_ = subject_process_->pid();
    std::function<bool()> is_listening = [this] { return copy_->port != 0; };
    CO_TRY_VOID(co_await stage_.until(std::move(is_listening), 10s, "the loop does not listen"));
    subject_port_ = static_cast<std::uint16_t>(copy_->port);
    co_return Result<>();
  }

  rt::Task<Result<>> start_keeper() {
    lab::KeeperNode node{.name = fmt::format("keeper-{}", keepers_started_++),
                         .upstream = std::to_string(pump_->port),
                         .flags = {"--fsync", options_.fsync}};
    co_return co_await follow(std::move(node));
  }

  rt::Task<Result<>> follow(lab::KeeperNode node) {
    CO_TRY(keeper_, co_await stage_.world().start(std::move(node)));
    subject_pid_ = keeper_->pid();
    subject_port_ = keeper_->port();
    std::function<bool()> is_streaming = [this] { return pump_->connected.load(); };
    co_return co_await stage_.until(std::move(is_streaming), 10s, "the keeper does not follow");
  }

  rt::Task<Result<>> start_replicas() {
    if (replicas_ == 0) co_return Result<>();
    const auto file = stage_.stats_file("replicas");
    replica_stats_ = make_shared_stats<ReplicasStats>(file);
    std::vector<std::string> words{"replicas", "--port",  std::to_string(subject_port_), "--stats",
                                   file,       "--count", std::to_string(replicas_)};
    CO_TRY(replicas_process_, stage_.worker(std::move(words), {}));
    std::function<bool()> all_stream = [this] {
      return all_replicas([](const ReplicaStats& r) { return r.streaming.load(); });
    };
    co_return co_await stage_.until(std::move(all_stream), 30s, "not all replicas stream");
  }

  rt::Task<Result<Cost>> pour() {
    CO_TRY_VOID(co_await stage_.pause(500ms));
    CO_TRY(const double cpu_before, stage_.cpu_seconds(subject_pid_));
    const double start = now();
    pump_->limit = bytes_;
    std::function<bool()> is_through = [this] { return stored() >= bytes_ && served(); };
    CO_TRY_VOID(co_await stage_.until(std::move(is_through), kPatience, "bytes are missing"));
    const double seconds = now() - start;
    CO_TRY(const auto usage, lab::usage_of(stage_.host(), subject_pid_));
    if (keeper_ != nullptr) CO_TRY_VOID(co_await remove_keeper());
    const auto bytes = static_cast<double>(bytes_);
    co_return Cost{.ns_per_byte = (usage.cpu_seconds - cpu_before) / bytes * 1e9,
                   .bytes_per_second = bytes / seconds,
                   .resident_bytes_max = static_cast<double>(usage.resident_bytes_max)};
  }

  // Its log is as large as all that was poured.
  rt::Task<Result<>> remove_keeper() {
    co_await stage_.world().stop(*keeper_);
    co_return stage_.world().folder().directory().remove_folder(keeper_->name());
  }

  // Bytes count once they are durable; a keeper's once it has said so.
  std::uint64_t stored() const { return keeper_ != nullptr ? pump_->acked : copy_->durable; }

  bool served() const {
    return all_replicas([this](const ReplicaStats& r) { return r.offset >= bytes_; });
  }

  template <typename Predicate>
  bool all_replicas(Predicate predicate) const {
    for (std::uint32_t i = 0; i < replicas_; ++i) {
      if (!predicate(replica_stats_->replica[i])) return false;
    }
    return true;
  }

  double now() const {
    return std::chrono::duration<double>(stage_.host().clock().now().since_start).count();
  }

  Stage& stage_;
  const Options& options_;
  const std::uint32_t replicas_;
  const std::uint64_t bytes_;
  PumpStats* pump_ = nullptr;
  CopyStats* copy_ = nullptr;
  ReplicasStats* replica_stats_ = nullptr;
  std::unique_ptr<rt::Process> pump_process_;
  std::unique_ptr<rt::Process> subject_process_;
  std::unique_ptr<rt::Process> replicas_process_;
  lab::Server* keeper_ = nullptr;
  int subject_pid_ = 0;
  std::uint16_t subject_port_ = 0;
  static inline int keepers_started_ = 0;
};

// The cheapest of several runs: what else runs on the machine only ever adds.
rt::Task<Result<Cost>> best_of(Stage& stage, const Options& options, std::uint32_t replicas,
                               Subject subject) {
  Cost best;
  for (std::uint32_t i = 0; i < options.runs; ++i) {
    Run run(stage, options, replicas);
    CO_TRY(const auto cost, co_await run.measure(subject));
    if (i == 0 || cost.ns_per_byte < best.ns_per_byte) best = cost;
  }
  co_return best;
}

rt::Task<Result<bool>> compare(Stage& stage, const Options& options) {
  lab::Table table({"replicas", "plain MB/s", "ns/byte", "keeper MB/s", "ns/byte", "ratio",
                    "at most", "RSS MB"});
  bool all_within = true;
  for (const auto replicas : options.replicas) {
    CO_TRY(const auto plain, co_await best_of(stage, options, replicas, Subject::kPlain));
    say(fmt::format("{:2} replicas, plain loop: {:.0f} MB/s, {:.3f} CPU ns/byte", replicas,
                    plain.bytes_per_second / 1e6, plain.ns_per_byte));
    CO_TRY(const auto keeper, co_await best_of(stage, options, replicas, Subject::kKeeper));
    const double ratio = keeper.ns_per_byte / plain.ns_per_byte;
    say(fmt::format("{:2} replicas, keeper:     {:.0f} MB/s, {:.3f} CPU ns/byte, ratio {:.2f}",
                    replicas, keeper.bytes_per_second / 1e6, keeper.ns_per_byte, ratio));
    all_within = all_within && ratio <= kRatioMax;
    table.add({std::to_string(replicas), fmt::format("{:.0f}", plain.bytes_per_second / 1e6),
               fmt::format("{:.3f}", plain.ns_per_byte),
               fmt::format("{:.0f}", keeper.bytes_per_second / 1e6),
               fmt::format("{:.3f}", keeper.ns_per_byte), fmt::format("{:.2f}", ratio),
               fmt::format("{:.2f}", kRatioMax),
               fmt::format("{:.1f}", keeper.resident_bytes_max / 1e6)});
  }
  say("\n" + table.text());
  co_return all_within;
}

rt::Task<Result<bool>> weigh(Stage& stage, const Options& options) {
  if (options.log_gigabytes == 0) co_return true;
  Run run(stage, options, 0);
  CO_TRY(const double resident, co_await run.measure_memory());
  say(fmt::format("{} replicas reading all over {} GB of log: {:.1f} MB resident, at most {:.0f}",
                  kMemoryReplicas, options.log_gigabytes, resident / 1e6, kResidentBytesMax / 1e6));
  co_return resident <= kResidentBytesMax;
}

rt::Task<Result<bool>> measure_all(Stage& stage, const Options& options) {
  CO_TRY(const bool is_cheap, co_await compare(stage, options));
  CO_TRY(const bool is_small, co_await weigh(stage, options));
  co_return is_cheap&& is_small;
}

rt::Task<int> ingest(rt::Host& host, lab::Wish& wish, Options options) {
  auto folder = lab::Folder::make(host, std::nullopt);
  if (!folder) co_return 1;
  Stage stage(host, wish, *std::move(folder));
  const auto within = co_await measure_all(stage, options);
  co_await stage.world().stop();
  if (!within) {
    say("bench ingest: " + within.error().detail);
    co_return 1;
  }
  say(*within ? "all within their limits" : "NOT within its limit: see the table");
  co_return *within ? 0 : 1;
}

int run(int argc, char** argv) {
  if (const auto code = run_as_worker({argv, argv + argc})) return *code;
  CLI::App app("What a keeper costs per byte of the stream, beside a plain loop that only copies.");
  Options options;
  app.add_option("--gigabytes", options.gigabytes, "Stream of each run.")->capture_default_str();
  app.add_option("--runs", options.runs, "Runs of each, of which the cheapest counts.")
      ->capture_default_str();
  app.add_option("--mix", options.mix, "Bytes a command: small 45, mixed 87, large 540.")
      ->check(CLI::IsMember({"small", "mixed", "large"}))
      ->capture_default_str();
  app.add_option("--fsync", options.fsync, "Of the keeper; the plain loop does alike.")
      ->check(CLI::IsMember({"everysec", "os"}))
      ->capture_default_str();
  app.add_option("--replicas", options.replicas, "How many are served, one run after another.")
      ->capture_default_str();
  app.add_option("--log-gigabytes", options.log_gigabytes,
                 "Of the log that 64 replicas read; 0: skip.")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return lab::run_session(
      [&options](rt::Host& host, lab::Wish& wish) { return ingest(host, wish, options); });
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  return sluice::bench::run(argc, argv);
}
