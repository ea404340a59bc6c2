// Everything the delay prober can be told. Read once at start, then passed down by const&.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/log_level.h"
#include "delay/alert.h"
#include "hop/route_settings.h"
#include "redis/tls_settings.h"

namespace sluice::delay {

using Milliseconds = std::chrono::milliseconds;

// Of one shard: on the command line, or a [[shard]] of the file.
struct ShardSettings {
  std::string name;
  base::RedisUrl write;
  std::vector<std::string> watch;  // "name=redis://host:port"
};

struct Settings : hop::RouteSettings, redis::TlsSettings {
  Milliseconds interval{100};
  Milliseconds alert_above = std::chrono::seconds(1);
  Milliseconds alert_below{500};
  Milliseconds alert_after{0};
  Milliseconds lift_after = std::chrono::seconds(2);
  Milliseconds run_for{0};
  Milliseconds report{0};
  bool json = false;
  std::optional<base::Endpoint> metrics;
  base::LogLevel log_level = base::LogLevel::kInfo;
  bool log_json = false;
};

struct Config {
  Settings settings;
  std::vector<ShardSettings> shards;
};

struct Target {
  std::string name;
  base::RedisUrl url;
};

// "name=redis://host:port". kRejected without repeating the text, which may hold a password.
Result<Target> parse_target(std::string_view text);

AlertBounds alert_bounds(const Settings& settings);

}  // namespace sluice::delay
