#include "delay/report.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/text_table.h"

namespace sluice::delay {
namespace {

constexpr std::string_view kNothing = "-";

double seconds(rt::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string text(std::optional<rt::Duration> duration) {
  return duration ? base::duration_text(seconds(*duration)) : std::string(kNothing);
}

std::string text(const Quantiles& quantiles, rt::Duration Quantiles::* which) {
  return quantiles.count == 0 ? std::string(kNothing) : text(quantiles.*which);
}

// Of hours and days people want two digits, not seconds.
std::string long_text(std::optional<rt::Duration> duration) {
  if (!duration) return std::string(kNothing);
  const auto all = seconds(*duration);
  if (all < 120) return base::duration_text(all);
  if (all < 2 * 3600) return fmt::format("{:.0f} min", all / 60);
  if (all < 48 * 3600) return fmt::format("{:.0f} h", all / 3600);
  return fmt::format("{:.0f} d", all / 86400);
}

std::string state_of(const NodeReport& node) {
  if (!node.is_reached) return node.is_alert ? "ALERT, not reached" : "not reached";
  if (node.is_alert) return "ALERT";
  return node.has_link ? "ok" : "link down";
}

std::string resync_text(const NodeReport& node) {
  if (!node.forecast) return std::string(kNothing);
  if (node.forecast->is_lost) return "now";
  return long_text(node.forecast->as_now);
}

std::string room_text(const NodeReport& node) {
  if (!node.forecast) return std::string(kNothing);
  return node.forecast->is_lost ? "none" : long_text(node.forecast->if_stopped);
}

std::string lag_text(const NodeReport& node) {
  return node.lag_bytes ? base::bytes_text(static_cast<double>(*node.lag_bytes))
                        : std::string(kNothing);
}

nlohmann::json json_of(std::optional<rt::Duration> duration) {
  return duration ? nlohmann::json(seconds(*duration)) : nlohmann::json();
}

nlohmann::json json_of(const Quantiles& quantiles) {
  return {{"count", quantiles.count},
          {"p50", seconds(quantiles.p50)},
          {"p99", seconds(quantiles.p99)},
          {"max", seconds(quantiles.max)}};
}

nlohmann::json json_of(const NodeReport& node) {
  nlohmann::json json{{"node", node.name},
                      {"reached", node.is_reached},
                      {"failure", node.failure},
                      {"link_up", node.has_link},
                      {"age", json_of(node.age)},
                      {"delay", json_of(node.delay)},
                      {"hop", json_of(node.hop)},
                      {"missed", node.missed},
                      {"round_trip", json_of(node.round_trip)},
                      {"lag_bytes", nullptr},
                      {"resync_if_stopped", nullptr},
                      {"resync_as_now", nullptr},
                      {"resync_needed", nullptr},
                      {"alert", node.is_alert},
                      {"alerts", node.alerts}};
  if (node.lag_bytes) json["lag_bytes"] = *node.lag_bytes;
  if (node.forecast) {
    json["resync_needed"] = node.forecast->is_lost;
    json["resync_if_stopped"] = json_of(node.forecast->if_stopped);
    json["resync_as_now"] = json_of(node.forecast->as_now);
  }
  return json;
}

}  // namespace

Quantiles quantiles_of(const base::DurationHistogram& histogram) {
  return {.count = histogram.count(),
          .p50 = histogram.quantile(0.5),
          .p99 = histogram.quantile(0.99),
          .max = histogram.max()};
}

bool is_well(const std::vector<ShardReport>& shards) {
  return std::ranges::all_of(shards, [](const ShardReport& shard) {
    return std::ranges::all_of(shard.nodes, [](const NodeReport& node) {
      return node.alerts == 0 && node.delay.count > 0;
    });
  });
}

std::string to_table(const std::vector<ShardReport>& shards) {
  base::TextTable table({"node", "state", "age", "p50", "p99", "max", "hop p50", "hop p99",
                         "round trip", "lag", "resync in", "if stopped"});
  for (const auto& shard : shards) {
    const auto prefix = shard.shard.empty() ? "" : shard.shard + "/";
    table.add({prefix + "master", shard.is_writable ? "ok" : "not reached", "",
               text(shard.write, &Quantiles::p50), text(shard.write, &Quantiles::p99),
               text(shard.write, &Quantiles::max), "", "", "", "", "", ""});
    for (const auto& node : shard.nodes) {
      table.add({prefix + node.name, state_of(node), text(node.age),
                 text(node.delay, &Quantiles::p50), text(node.delay, &Quantiles::p99),
                 text(node.delay, &Quantiles::max), text(node.hop, &Quantiles::p50),
                 text(node.hop, &Quantiles::p99), text(node.round_trip), lag_text(node),
                 resync_text(node), room_text(node)});
    }
  }
  return table.text();
}

std::string to_lines(const std::vector<ShardReport>& shards) {
  std::string lines;
  for (const auto& shard : shards) {
    const auto prefix = shard.shard.empty() ? "" : shard.shard + "/";
    for (const auto& node : shard.nodes) {
      lines += fmt::format(
          "{}{}: {}, age {}, p50 {}, p99 {}, max {}, hop p50 {}, lag {}, resync in {}, "
          "if stopped {}\n",
          prefix, node.name, state_of(node), text(node.age), text(node.delay, &Quantiles::p50),
          text(node.delay, &Quantiles::p99), text(node.delay, &Quantiles::max),
          text(node.hop, &Quantiles::p50), lag_text(node), resync_text(node), room_text(node));
    }
  }
  return lines;
}

std::string to_json(const std::vector<ShardReport>& shards) {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& shard : shards) {
    nlohmann::json nodes = nlohmann::json::array();
    for (const auto& node : shard.nodes) nodes.push_back(json_of(node));
    all.push_back({{"shard", shard.shard},
                   {"probes", shard.probes},
                   {"master_reached", shard.is_writable},
                   {"failure", shard.failure},
                   {"write", json_of(shard.write)},
                   {"stream_bytes_per_second", shard.stream_bytes_per_second},
                   {"nodes", std::move(nodes)}});
  }
  const nlohmann::json report{{"shards", std::move(all)}};
  // Texts of a server's errors need not be UTF-8.
  return report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace sluice::delay
