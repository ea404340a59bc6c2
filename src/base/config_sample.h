// A small declaration with one setting of every type, for the tests of this folder.
#pragma once

#include "base/config.h"

namespace sluice::base {

enum class Sync : std::uint8_t { kAlways, kOs };

template <>
inline constexpr auto kNames<Sync> =
    std::to_array<Named<Sync>>({{"always", Sync::kAlways}, {"os", Sync::kOs}});

struct Sample {
  RedisUrl upstream;
  Endpoint listen{"127.0.0.1", 6380};
  std::optional<Endpoint> metrics;
  Sync fsync = Sync::kOs;
  ByteSize retention_bytes = 64_GiB;
  std::chrono::seconds retention_age = std::chrono::hours(7 * 24);
  std::uint16_t shrink_percent = 50;
  double ratio = 1.5;
  bool log_json = false;
  std::string requirepass;
  std::vector<std::string> users;
};

inline constexpr std::tuple kSampleFields{
    Field{
        .name = "upstream", .member = &Sample::upstream, .doc = "Where from.", .is_required = true},
    Field{.name = "listen", .member = &Sample::listen, .doc = "Where to."},
    Field{.name = "metrics", .member = &Sample::metrics, .doc = "Prometheus."},
    Field{.name = "fsync", .member = &Sample::fsync, .doc = "How durable."},
    Field{.name = "retention_bytes",
          .member = &Sample::retention_bytes,
          .doc = "How much is kept.",
          .min = 1_MiB,
          .max = 1024_GiB,
          .reload = Reload::kLive},
    Field{.name = "retention_age",
          .member = &Sample::retention_age,
          .doc = "How long.",
          .reload = Reload::kLive},
    Field{.name = "shrink_percent",
          .member = &Sample::shrink_percent,
          .doc = "Limit.",
          .max = 100,
          .unit = "percent"},
    Field{.name = "ratio", .member = &Sample::ratio, .doc = "Factor.", .min = 1},
    Field{.name = "log_json", .member = &Sample::log_json, .doc = "JSON."},
    Field{.name = "requirepass",
          .member = &Sample::requirepass,
          .doc = "Password.",
          .reload = Reload::kLive,
          .is_secret = true},
    Field{.name = "users", .member = &Sample::users, .doc = "name:password.", .is_secret = true},
};

}  // namespace sluice::base
