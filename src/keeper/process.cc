#include "keeper/process.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "keeper/config_load.h"
#include "rt/message.h"
#include "rt/network_report.h"
#include "rt/usage.h"

namespace sluice::keeper {

Process::Process(std::vector<rt::Host*> hosts, ProcessOptions options, base::Log log)
    : hosts_(std::move(hosts)),
      options_(std::move(options)),
      log_(std::move(log)),
      started_(hosts_.front()->clock().now()),
      gate_(*hosts_.front()) {}

Process::~Process() = default;

Result<> Process::open() {
  for (std::size_t i = 0; i < options_.config.shards.size(); ++i) {
    auto& host = *hosts_[i % hosts_.size()];
    const ProcessHooks hooks{
        .status = [this] { return status(); },
        .rewrite_config = [this, i](ShardConfig changed) { return rewrite(i, std::move(changed)); },
        .shut_down = [this] { rt::post(*hosts_.front(), [this] { stop(); }); }};
    auto shard = Shard::open(host, options_.config.shards[i], hooks, metrics_, log_);
    if (!shard) {
      return fail(shard.error().code,
                  "shard " + options_.config.shards[i].name + ": " + shard.error().detail);
    }
    shards_.push_back(*std::move(shard));
  }
  for (auto* const host : hosts_) rt::report_network(*host, metrics_, log_, "keeper");
  if (!options_.config.process.metrics) return {};
  http_ = std::make_unique<http::Server>(*hosts_.front(), log_);
  http_->get("/metrics", http::exposition(metrics_));
  http_->get("/health", [this](const http::Request&) {
    return http::Response{.status = 200, .content_type = "application/json", .body = health()};
  });
  TRY(const auto at, http_->listen(*options_.config.process.metrics));
  metrics_address_ = base::to_string(at);
  return {};
}

std::vector<std::string> Process::addresses() const {
  std::vector<std::string> lines;
  lines.reserve(shards_.size());
  for (const auto& shard : shards_) {
    lines.push_back(shard->config().name + ": " + base::to_string(shard->config().upstream) +
                    " -> " + base::to_string(shard->address()));
  }
  if (http_) lines.push_back("metrics: http://" + metrics_address_ + "/metrics");
  return lines;
}

rt::Task<void> Process::run() {
  auto& here = *hosts_.front();
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    std::function<rt::Task<void>()> begin = [this, i] { return shards_[i]->run(); };
    gate_.spawn(rt::run_on(here, *hosts_[i % hosts_.size()], std::move(begin)));
  }
  co_await gate_.closed();
  if (http_) co_await http_->stop();
}

void Process::stop() {
  if (std::exchange(is_stopping_, true)) return;
  log_.info("stopping");
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    rt::post(*hosts_[i % hosts_.size()], [this, i] { shards_[i]->stop(); });
  }
}

// The configuration belongs to core 0.
rt::Task<Result<>> Process::rewrite(std::size_t shard, ShardConfig changed) {
  Result<> outcome;
  std::function<rt::Task<void>()> begin = [&]() -> rt::Task<void> {
    options_.config.shards[shard] = changed;
    outcome = write_config();
    co_return;
  };
  auto& asking = *hosts_.at(shard % hosts_.size());
  co_await rt::run_on(asking, *hosts_.front(), std::move(begin));
  co_return outcome;
}

Result<> Process::write_config() const {
  if (options_.config_file.empty()) {
    return fail(Errc::kNotFound, "The server is running without a config file");
  }
  const auto slash = options_.config_file.rfind('/');
  const auto folder_path =
      slash == std::string::npos ? std::string(".") : options_.config_file.substr(0, slash + 1);
  const auto name =
      slash == std::string::npos ? options_.config_file : options_.config_file.substr(slash + 1);
  TRY(auto folder, hosts_.front()->directory(folder_path));
  const auto partial = name + ".partial";
  TRY(auto file, folder->open(partial, rt::OpenMode::kCreateEmpty));
  TRY_VOID(file->write_at(0, to_toml(options_.config)));
  TRY_VOID(file->sync());
  TRY_VOID(folder->rename(partial, name));
  return folder->sync();
}

ProcessStatus Process::status() const {
  const auto used = rt::usage();
  return {.pid = rt::process_id(),
          .version = options_.version,
          .os = rt::system_name(),
          .executable = rt::executable_path(),
          .config_file = options_.config_file,
          .started = started_,
          .memory_rss = used.memory_rss_bytes,
          .memory_total = used.memory_total_bytes,
          .cpu_system_seconds = used.cpu_system_seconds,
          .cpu_user_seconds = used.cpu_user_seconds};
}

std::string Process::health() const {
  nlohmann::json shards = nlohmann::json::array();
  for (const auto& shard : shards_) shards.push_back(shard->config().name);
  return nlohmann::json{{"status", is_stopping_ ? "stopping" : "running"}, {"shards", shards}}
      .dump();
}

}  // namespace sluice::keeper
