// Everything a keeper can be told. Read once at start, then passed down piecewise by const&.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "base/config.h"
#include "base/log_level.h"
#include "hop/route_settings.h"
#include "keeper/credentials.h"
#include "replog/log.h"

namespace sluice::base {

template <>
inline constexpr auto kNames<replog::Fsync> =
    std::to_array<Named<replog::Fsync>>({{"always", replog::Fsync::kAlways},
                                         {"everysec", replog::Fsync::kEverySec},
                                         {"os", replog::Fsync::kOs}});

}  // namespace sluice::base

namespace sluice::keeper {

using namespace base::size_literals;

// Who makes a newer snapshot when the log after the newest one has grown long.
struct RefreshPrivately {  // a redis-server of our own replays the old snapshot and the log
  friend bool operator==(RefreshPrivately, RefreshPrivately) = default;
};
struct RefreshOff {
  friend bool operator==(RefreshOff, RefreshOff) = default;
};
using SnapshotRefresh = std::variant<RefreshPrivately, RefreshOff, base::RedisUrl>;  // a replica

struct ProcessConfig {
  std::optional<base::Endpoint> metrics;
  base::LogLevel log_level = base::LogLevel::kInfo;
  bool log_json = false;
  std::uint32_t cores = 0;
};

struct ShardConfig : hop::RouteSettings {
  std::string name = "main";
  base::RedisUrl upstream;
  std::string upstream_tls_ca;
  std::string upstream_tls_cert;
  std::string upstream_tls_key;
  bool upstream_tls_verify = true;
  base::Endpoint listen;
  std::string listen_tls_ca;
  std::string listen_tls_cert;
  std::string listen_tls_key;
  std::string requirepass;
  std::vector<std::string> users;
  std::string dir;
  replog::Fsync fsync = replog::Fsync::kEverySec;
  base::ByteSize segment_bytes = 256_MiB;
  base::ByteSize follow_rate_bytes = 32_MiB;
  base::ByteSize retention_bytes = 64_GiB;
  std::chrono::seconds retention_age = std::chrono::days(7);
  std::uint32_t snapshots_keep = 2;
  base::ByteSize snapshot_tail_bytes = 4_GiB;
  std::chrono::seconds snapshot_age = std::chrono::hours(24);
  SnapshotRefresh snapshot_refresh;
  std::string redis_server = "redis-server";
  std::string redis_module;  // loaded by it: a line as after `loadmodule`
  std::uint64_t quarantine_keys_min = 1000;
  std::uint32_t quarantine_shrink_percent = 50;
  std::uint32_t full_resyncs_max = 256;
  std::uint32_t replicas_max = 10'000;
  std::uint32_t clients_max = 10'000;
  base::ByteSize replica_rate_bytes;
  base::ByteSize total_rate_bytes;
  std::chrono::milliseconds replica_timeout = std::chrono::seconds(60);
  std::chrono::milliseconds upstream_timeout = std::chrono::seconds(60);
  std::chrono::milliseconds ahead_wait = std::chrono::seconds(60);
  std::uint32_t catch_up_times = 3;
  std::chrono::seconds catch_up_gain = std::chrono::seconds(60);
  std::chrono::seconds snapshot_grace = std::chrono::minutes(10);
  std::string announce_host;
  std::uint16_t announce_port = 0;
  bool replica_announced = true;
};

struct Config {
  ProcessConfig process;
  std::vector<ShardConfig> shards;  // at least one
};

// ShardConfig::users are "name:password"; config_load.h has checked the form.
std::vector<User> users_of(const ShardConfig& shard);

}  // namespace sluice::keeper

template <>
struct sluice::base::Codec<sluice::keeper::SnapshotRefresh> {
  static constexpr Shape kShape = Shape::kText;
  static Result<keeper::SnapshotRefresh> parse(std::string_view text);
  static std::string write(const keeper::SnapshotRefresh& value);
  static std::string show(const keeper::SnapshotRefresh& value);
  static std::string placeholder() { return "private|off|URL"; }
};
