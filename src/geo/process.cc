#include "geo/process.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "hop/through_relays.h"

namespace sluice::geo {
Process::Process(rt::Host& host, const Settings& settings, base::Log log)
    : host_(host),
      settings_(settings),
      log_(std::move(log)),
      tunnels_(host, hop::route_options(settings)),
      gate_(host) {}

Result<Link::Options> Process::options_of(const std::string& source) {
  TRY(const auto from, parse_source(source));
  Link::Options options;
  options.source = from.name;
  options.from.url = from.url;
  options.from.tls = redis::tls_files(settings_);
  TRY(auto relays, hop::relays_of(settings_.route, "the keeper"));
  options.from.dial = hop::through_relays(host_, tunnels_, std::move(relays));
  options.from.silence_max = settings_.source_timeout;
  TRY(options.to, masters());
  options.to_options.tls = redis::tls_files(settings_);
  options.answer_timeout = settings_.answer_timeout;
  options.limits = courier_limits(settings_);
  options.lack_patience = settings_.lack_patience;
  return options;
}

Result<std::vector<base::RedisUrl>> Process::masters() const {
  std::vector<base::RedisUrl> urls;
  for (const auto& text : settings_.to) {
    TRY(auto url, base::parse_redis_url(text));
    urls.push_back(std::move(url));
  }
  return urls;
}

Result<> Process::open() {
  for (const auto& source : settings_.from) {
    TRY(auto options, options_of(source));
    links_.push_back(std::make_unique<Link>(host_, std::move(options), metrics_, log_));
  }
  if (!settings_.metrics) return {};
  redis::ClientOptions how;
  how.tls = redis::tls_files(settings_);
  TRY(auto to, masters());
  watch_ = std::make_unique<MasterWatch>(host_, std::move(to), std::move(how), metrics_, log_);
  http_ = std::make_unique<http::Server>(host_, log_);
  http_->get("/metrics", http::exposition(metrics_));
  http_->get("/health", [this](const http::Request&) { return health(); });
  TRY(const auto at, http_->listen(*settings_.metrics));
  metrics_address_ = base::to_string(at);
  return {};
}

rt::Task<void> Process::run() {
  for (const auto& link : links_) gate_.spawn(link->run());
  if (watch_) gate_.spawn(watch_->run());
  co_await gate_.closed();
  tunnels_.close();
  co_await tunnels_.closed();
  if (http_) co_await http_->stop();
}

void Process::stop() {
  gate_.close();
  for (const auto& link : links_) link->stop();
  if (watch_) watch_->stop();
}

// 503 while a link is not streaming: something may have to be done.
http::Response Process::health() const {
  nlohmann::json links = nlohmann::json::array();
  bool is_well = true;
  for (const auto& link : links_) {
    const auto report = link->report();
    is_well = is_well && report.state == LinkState::kStreaming;
    links.push_back({{"source", report.source},
                     {"state", name_of(report.state)},
                     {"why", report.why},
                     {"read", report.read.bytes()},
                     {"settled", report.settled.bytes()},
                     {"held_batches", report.held},
                     {"queue_bytes", report.queue_bytes}});
    if (report.state == LinkState::kMerging)
      links.back()["merge"] = {{"step", report.merge.step},
                               {"keys", report.merge.keys},
                               {"bytes", report.merge.bytes},
                               {"bytes_total", report.merge.bytes_total}};
  }
  const nlohmann::json body{{"status", is_well ? "streaming" : "degraded"},
                            {"links", std::move(links)}};
  return {.status = is_well ? 200 : 503, .content_type = "application/json", .body = body.dump()};
}

}  // namespace sluice::geo
