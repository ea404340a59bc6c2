// Limits and judgements of a shard: the part of config_fields.h that says how much and how long.
#pragma once

#include <chrono>
#include <tuple>

#include "base/config.h"
#include "keeper/config.h"

namespace sluice::keeper {

inline constexpr std::tuple kLimitFields{
    base::Field{
        .name = "quarantine_keys_min",
        .member = &ShardConfig::quarantine_keys_min,
        .doc = "A data set smaller than this is never judged to have shrunk.",
        .unit = "keys",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "quarantine_shrink_percent",
        .member = &ShardConfig::quarantine_shrink_percent,
        .doc = "A full resync that has lost more than this share of the keys is quarantined.",
        .max = 100,
        .unit = "percent",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "full_resyncs_max",
        .member = &ShardConfig::full_resyncs_max,
        .doc = "Snapshots sent at the same time; further replicas wait their turn.",
        .min = 1,
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "replicas_max",
        .member = &ShardConfig::replicas_max,
        .doc = "Replicas served; further ones are refused.",
        .min = 1,
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "clients_max",
        .member = &ShardConfig::clients_max,
        .doc = "Connections served, replicas included; further ones are refused.",
        .min = 1,
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "replica_rate_bytes",
        .member = &ShardConfig::replica_rate_bytes,
        .doc = "Bytes per second that one replica gets of a snapshot; 0 means no limit.",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "total_rate_bytes",
        .member = &ShardConfig::total_rate_bytes,
        .doc = "Bytes per second that all replicas together get of snapshots; 0 means no limit.",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "replica_timeout",
        .member = &ShardConfig::replica_timeout,
        .doc = "A replica that gives no sign of life for this long is dropped.",
        .min = std::chrono::seconds(1),
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "upstream_timeout",
        .member = &ShardConfig::upstream_timeout,
        .doc = "An upstream that gives no sign of life for this long is connected to anew; over a "
               "route at least 2m, since relays hold a tunnel through cuts of 90 s.",
        .min = std::chrono::seconds(1),
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "ahead_wait",
        .member = &ShardConfig::ahead_wait,
        .doc = "How long a replica that is ahead of us waits for us to catch up before it gets a "
               "full resync.",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "catch_up_times",
        .member = &ShardConfig::catch_up_times,
        .doc = "Behind another keeper, a log that could be replayed is given up for a newer "
               "snapshot if that is estimated to be so many times as fast: it costs our own "
               "replicas a full resync each.",
        .min = 1,
        .max = 1000,
        .unit = "times",
    },
    base::Field{
        .name = "catch_up_gain",
        .member = &ShardConfig::catch_up_gain,
        .doc = "And if it is estimated to save this much at least.",
    },
    base::Field{
        .name = "snapshot_grace",
        .member = &ShardConfig::snapshot_grace,
        .doc = "How long a snapshot is kept, beyond what retention says, for a keeper whose "
               "connection broke in the midst of it: it may come back for the rest.",
        .reload = base::Reload::kLive,
    },
};

}  // namespace sluice::keeper
