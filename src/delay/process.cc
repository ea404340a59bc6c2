#include "delay/process.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "hop/through_relays.h"

namespace sluice::delay {
namespace {

Milliseconds report_interval(const Settings& settings, bool is_screen) {
  if (settings.report.count() > 0) return settings.report;
  return is_screen ? std::chrono::seconds(1) : std::chrono::seconds(10);
}

Prober::Options options_of(const Settings& settings, redis::Dial dial) {
  redis::ClientOptions client;
  client.tls = redis::tls_files(settings);
  Prober::Options options{.interval = settings.interval,
                          .alert = alert_bounds(settings),
                          .master = client,
                          .watched = client};
  options.watched.dial = std::move(dial);
  return options;
}

}  // namespace

Process::Process(rt::Host& host, const Config& config, Output output, base::Log log)
    : host_(host),
      config_(config),
      output_(std::move(output)),
      log_(std::move(log)),
      tunnels_(host, hop::route_options(config.settings)),
      gate_(host) {}

Result<> Process::open() {
  const auto& settings = config_.settings;
  TRY(auto relays, hop::relays_of(settings.route, "the node"));
  const auto options =
      options_of(settings, hop::through_relays(host_, tunnels_, std::move(relays)));
  for (const auto& shard : config_.shards) {
    TRY(auto prober, Prober::make(host_, shard, options, metrics_, log_));
    probers_.push_back(std::move(prober));
  }
  if (!settings.metrics) return {};
  http_ = std::make_unique<http::Server>(host_, log_);
  http_->get("/metrics", http::exposition(metrics_));
  http_->get("/health", [this](const http::Request&) { return health(); });
  TRY(const auto at, http_->listen(*settings.metrics));
  metrics_address_ = base::to_string(at);
  return {};
}

rt::Task<void> Process::run() {
  for (const auto& prober : probers_) gate_.spawn(prober->run());
  gate_.spawn(report_loop());
  if (config_.settings.run_for.count() > 0) gate_.spawn(end_in_time());
  co_await gate_.closed();
  print(true);
  tunnels_.close();
  co_await tunnels_.closed();
  if (http_) co_await http_->stop();
}

void Process::stop() {
  gate_.close();
  for (const auto& prober : probers_) prober->stop();
}

rt::Task<void> Process::end_in_time() {
  const bool is_over = co_await gate_.sleep(config_.settings.run_for);
  if (is_over) stop();
}

rt::Task<void> Process::report_loop() {
  const auto interval = report_interval(config_.settings, output_.is_screen);
  for (;;) {
    const bool goes_on = co_await gate_.sleep(interval);
    if (!goes_on) co_return;
    print(false);
  }
}

std::vector<ShardReport> Process::reports() const {
  std::vector<ShardReport> all;
  all.reserve(probers_.size());
  for (const auto& prober : probers_) all.push_back(prober->report());
  return all;
}

void Process::print(bool is_last) {
  const auto all = reports();
  if (config_.settings.json) return output_.write(to_json(all));
  if (!output_.is_screen && !is_last) return output_.write(to_lines(all));
  auto table = to_table(all);
  // Up to the table's first line, and away with what was below.
  const auto back =
      lines_on_screen_ == 0 ? std::string() : fmt::format("\x1b[{}A\x1b[J", lines_on_screen_);
  lines_on_screen_ = 0;
  if (output_.is_screen) {
    lines_on_screen_ = static_cast<std::size_t>(std::ranges::count(table, '\n'));
  }
  output_.write(back + table);
}

http::Response Process::health() const {
  nlohmann::json alerts = nlohmann::json::array();
  for (const auto& shard : reports()) {
    for (const auto& node : shard.nodes) {
      if (node.is_alert) alerts.push_back({{"shard", shard.shard}, {"node", node.name}});
    }
  }
  const nlohmann::json body{{"status", "running"}, {"alerts", std::move(alerts)}};
  return {.status = 200, .content_type = "application/json", .body = body.dump()};
}

}  // namespace sluice::delay
