// The tables of a keeper's settings: names, meanings, bounds, and what may change while it runs.
#pragma once

#include "keeper/config.h"
#include "keeper/limit_fields.h"

namespace sluice::keeper {

inline constexpr std::tuple kProcessFields{
    base::Field{
        .name = "metrics",
        .member = &ProcessConfig::metrics,
        .doc = "Address of /metrics (Prometheus) and /health; without a host, loopback only.",
    },
    base::Field{
        .name = "log_level",
        .member = &ProcessConfig::log_level,
        .doc = "The least important records that are logged.",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "log_json",
        .member = &ProcessConfig::log_json,
        .doc = "Logs one JSON object per line instead of text.",
    },
    base::Field{
        .name = "cores",
        .member = &ProcessConfig::cores,
        .doc = "Threads that serve; 0 means one per CPU.",
        .max = 64,
    },
};

inline constexpr std::tuple kConnectionFields{
    base::Field{
        .name = "name",
        .member = &ShardConfig::name,
        .doc = "What logs and metrics call this shard.",
    },
    base::Field{
        .name = "upstream",
        .member = &ShardConfig::upstream,
        .doc = "What is replicated: a master, a replica or another keeper; rediss:// for TLS.",
        .is_required = true,
    },
    base::Field{
        .name = "upstream_tls_ca",
        .member = &ShardConfig::upstream_tls_ca,
        .doc = "PEM file of the authorities that the upstream's certificate must come from; "
               "the system's if absent.",
    },
    base::Field{
        .name = "upstream_tls_cert",
        .member = &ShardConfig::upstream_tls_cert,
        .doc = "PEM file of the certificate that is shown to the upstream.",
    },
    base::Field{
        .name = "upstream_tls_key",
        .member = &ShardConfig::upstream_tls_key,
        .doc = "PEM file of that certificate's key.",
    },
    base::Field{
        .name = "upstream_tls_verify",
        .member = &ShardConfig::upstream_tls_verify,
        .doc = "Whether the upstream's certificate and name are verified.",
    },
    base::Field{
        .name = "listen",
        .member = &ShardConfig::listen,
        .doc = "Address that replicas and clients connect to.",
        .is_required = true,
    },
    base::Field{
        .name = "listen_tls_ca",
        .member = &ShardConfig::listen_tls_ca,
        .doc = "PEM file of authorities: replicas and clients must then show a certificate "
               "of theirs.",
    },
    base::Field{
        .name = "listen_tls_cert",
        .member = &ShardConfig::listen_tls_cert,
        .doc = "PEM file of our certificate; with it the listening side speaks TLS only.",
    },
    base::Field{
        .name = "listen_tls_key",
        .member = &ShardConfig::listen_tls_key,
        .doc = "PEM file of that certificate's key.",
    },
    base::Field{
        .name = "requirepass",
        .member = &ShardConfig::requirepass,
        .doc = "Password of the default user; replicas give it as masterauth.",
        .reload = base::Reload::kLive,
        .is_secret = true,
    },
    base::Field{
        .name = "users",
        .member = &ShardConfig::users,
        .doc = "A user, as name:password; replicas give it as masteruser and masterauth.",
        .is_secret = true,
    },
    base::Field{
        .name = "announce_host",
        .member = &ShardConfig::announce_host,
        .doc = "Host that the upstream and Sentinel are told to find us at.",
    },
    base::Field{
        .name = "announce_port",
        .member = &ShardConfig::announce_port,
        .doc = "Port that the upstream and Sentinel are told to find us at; 0 means the one of "
               "listen.",
    },
    base::Field{
        .name = "replica_announced",
        .member = &ShardConfig::replica_announced,
        .doc =
            "Whether Sentinel lists us among the replicas. Without, it still points us at the new "
            "master, and clients that read from replicas are not sent to us.",
        .reload = base::Reload::kLive,
    },
};

inline constexpr std::tuple kStorageFields{
    base::Field{
        .name = "dir",
        .member = &ShardConfig::dir,
        .doc = "Folder of the log and the snapshots; made if absent, and ours alone.",
        .is_required = true,
    },
    base::Field{
        .name = "fsync",
        .member = &ShardConfig::fsync,
        .doc = "When bytes count as stored and are acknowledged upstream: always (synced before "
               "each acknowledgement), everysec (synced once a second) or os (the kernel has "
               "them: survives a crash of ours, not of power).",
    },
    base::Field{
        .name = "segment_bytes",
        .member = &ShardConfig::segment_bytes,
        .doc = "Size at which a segment of the log is sealed. Retention frees whole segments.",
        .min = 1_MiB,
        .max = 4_GiB,
    },
    base::Field{
        .name = "follow_rate_bytes",
        .member = &ShardConfig::follow_rate_bytes,
        .doc = "Bytes per second of the stream that are followed command by command as they come, "
               "so that it is known where it may be cut. What comes faster is read back when that "
               "is asked: by a reconnect, a new snapshot, WAIT, or the tools.",
    },
    base::Field{
        .name = "retention_bytes",
        .member = &ShardConfig::retention_bytes,
        .doc = "Log kept on disk. A replica that falls further behind needs a full resync.",
        .min = 1_MiB,
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "retention_age",
        .member = &ShardConfig::retention_age,
        .doc = "Age up to which the log is kept, within retention_bytes.",
        .min = std::chrono::seconds(1),
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "snapshots_keep",
        .member = &ShardConfig::snapshots_keep,
        .doc = "Snapshots kept, the newest first.",
        .min = 1,
        .max = 1000,
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "snapshot_tail_bytes",
        .member = &ShardConfig::snapshot_tail_bytes,
        .doc = "A newer snapshot is made once the log after the newest one is longer than this.",
        .min = 1_MiB,
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "snapshot_age",
        .member = &ShardConfig::snapshot_age,
        .doc = "A newer snapshot is made once the newest one is older than this; 0 means never.",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "snapshot_refresh",
        .member = &ShardConfig::snapshot_refresh,
        .doc = "Who makes newer snapshots: private (a redis-server of our own, never the master), "
               "off, or the replica at a URL.",
        .reload = base::Reload::kLive,
    },
    base::Field{
        .name = "redis_server",
        .member = &ShardConfig::redis_server,
        .doc = "The redis-server that is run for private snapshots.",
    },
    base::Field{
        .name = "redis_module",
        .member = &ShardConfig::redis_module,
        .doc = "What that redis-server loads, as after loadmodule, where the master has a module: "
               "/path/sluice-geo.so region=eu id=1.",
    },
};

inline constexpr std::tuple kShardFields =
    std::tuple_cat(kConnectionFields, hop::kRouteFields<ShardConfig, base::Reload::kLive>,
                   kStorageFields, kLimitFields);

}  // namespace sluice::keeper
