#include "relay/process.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "relay/config_fields.h"
#include "rt/heap.h"
#include "rt/network_report.h"

namespace sluice::relay {
namespace {

// More than two where a tunnel between Sluice relays is busy; those are far fewer.
constexpr std::uint64_t kDescriptorsOfTunnel = 2;
constexpr std::uint64_t kDescriptorsBesides = 1500;  // connections that ask, probes, metrics, files

// A tunnel at rest has freed what it needed, in pieces between those of others.
constexpr rt::Duration kGiveBackInterval = std::chrono::seconds(5);
constexpr std::uint64_t kFreeHeapMax = 2 << 20;
constexpr std::uint64_t kFreeHeapShare = 8;  // and such a part of what is in use

base::Counter reload_counter(base::Metrics& metrics, const std::string& outcome) {
  return metrics.counter(
      {"sluice_relay_reloads_total", "Times that the allow-lists were read again."},
      {{"outcome", outcome}});
}

// Settings that differ and are not the allow-list, by name.
std::string needing_restart(Settings before, Settings after) {
  const base::Settings old_ones(before, kSettingsFields);
  const base::Settings new_ones(after, kSettingsFields);
  std::string names;
  for (const auto& setting : old_ones.all()) {
    if (setting->name == "allow") continue;
    if (new_ones.find(setting->name)->written() == setting->written()) continue;
    names += (names.empty() ? "" : ", ") + std::string(setting->name);
  }
  return names;
}

}  // namespace

Process::Process(rt::Host& host, const Config& config, base::Log log)
    : host_(host),
      config_(config),
      log_(std::move(log)),
      reloads_taken_(reload_counter(metrics_, "taken")),
      reloads_refused_(reload_counter(metrics_, "refused")),
      server_(host, config, metrics_, log_),
      gate_(host) {
  rt::report_network(host, metrics_, log_, "relay");
}

std::uint64_t Process::descriptors_for(const Settings& settings) {
  return settings.tunnels_max * kDescriptorsOfTunnel + kDescriptorsBesides;
}

Result<> Process::open() {
  TRY_VOID(server_.open());
  if (!config_.settings.metrics) return {};
  http_ = std::make_unique<http::Server>(host_, log_);
  http_->get("/metrics", http::exposition(metrics_));
  http_->get("/health", [this](const http::Request&) { return health(); });
  TRY(const auto at, http_->listen(*config_.settings.metrics));
  metrics_address_ = base::to_string(at);
  return {};
}

std::vector<std::string> Process::addresses() const {
  auto lines = server_.addresses();
  if (http_) lines.push_back("metrics: http://" + metrics_address_ + "/metrics");
  return lines;
}

void Process::reload(const Config& config) {
  const auto ended = server_.set_allow_list(*allow_list_of(config));
  log_.info("allow-list taken", {{"rules", config.settings.allow.size()},
                                 {"clients", config.clients.size()},
                                 {"tunnels_ended", ended}});
  const auto others = needing_restart(config_.settings, config.settings);
  if (!others.empty()) log_.warn("changed, but needs a restart", {{"settings", others}});
  reloads_taken_.add();
}

rt::Task<void> Process::run() {
  gate_.spawn(give_back_loop());
  co_await server_.run();
  gate_.close();
  if (http_) co_await http_->stop();
  co_await gate_.closed();
}

rt::Task<void> Process::give_back_loop() {
  const auto first = rt::heap_figures();
  const auto besides = first.resident_bytes - std::min(first.resident_bytes, first.in_use_bytes);
  for (;;) {
    const bool goes_on = co_await gate_.sleep(kGiveBackInterval);
    if (!goes_on) co_return;
    const auto now = rt::heap_figures();
    const auto kept = now.in_use_bytes + now.in_use_bytes / kFreeHeapShare + kFreeHeapMax;
    if (now.resident_bytes > besides + kept) rt::give_back_free_heap();
  }
}

// While it drains it is not ready for more: a load balancer should look elsewhere.
http::Response Process::health() const {
  nlohmann::json dead = nlohmann::json::array();
  for (const auto& [name, hop] : server_.next_hops().probed()) {
    if (hop->is_dead(host_.clock().now())) dead.push_back(name);
  }
  const nlohmann::json body{{"status", server_.is_draining() ? "draining" : "running"},
                            {"tunnels", server_.tunnels()},
                            {"dead_hops", dead}};
  return {.status = server_.is_draining() ? 503 : 200,
          .content_type = "application/json",
          .body = body.dump()};
}

}  // namespace sluice::relay
