// The tables of the prober's settings: names, meanings, bounds.
#pragma once

#include "delay/config.h"

namespace sluice::delay {

inline constexpr std::tuple kShardFields{
    base::Field{
        .name = "name",
        .member = &ShardSettings::name,
        .doc = "What logs and metrics call this shard.",
    },
    base::Field{
        .name = "write",
        .member = &ShardSettings::write,
        .doc = "The master: probes are published there. A user of its needs PUBLISH on "
               "sluice:probe:*, INFO and PING.",
        .is_required = true,
    },
    base::Field{
        .name = "watch",
        .member = &ShardSettings::watch,
        .doc = "A node that the stream passes, as NAME=URL, in the order in which it passes them. "
               "A user of its needs SUBSCRIBE on sluice:probe:*, INFO and PING.",
        .is_secret = true,
        .is_required = true,
    },
};

inline constexpr std::tuple kProbeFields{
    base::Field{
        .name = "interval",
        .member = &Settings::interval,
        .doc = "Time between two probes.",
        .min = Milliseconds(1),
        .max = std::chrono::minutes(1),
    },
    base::Field{
        .name = "alert_above",
        .member = &Settings::alert_above,
        .doc = "A node whose data are older than this raises an alert.",
    },
    base::Field{
        .name = "alert_below",
        .member = &Settings::alert_below,
        .doc = "The alert is lifted once they stay younger than this. At most alert_above.",
    },
    base::Field{
        .name = "alert_after",
        .member = &Settings::alert_after,
        .doc = "For how long they must be older before the alert is raised.",
    },
    base::Field{
        .name = "lift_after",
        .member = &Settings::lift_after,
        .doc = "For how long they must be younger before it is lifted.",
    },
    base::Field{
        .name = "for",
        .member = &Settings::run_for,
        .doc = "Ends after this time; 0 means never. The exit code is then 1 if an alert was "
               "raised or a node has shown no probe.",
    },
    base::Field{
        .name = "report",
        .member = &Settings::report,
        .doc = "Time between two reports on standard output; 0 means 1s on a terminal, 10s "
               "elsewhere.",
    },
    base::Field{
        .name = "json",
        .member = &Settings::json,
        .doc = "Reports one JSON object per line.",
    },
    base::Field{
        .name = "metrics",
        .member = &Settings::metrics,
        .doc = "Address of /metrics (Prometheus) and /health; without a host, loopback only.",
    },
    base::Field{
        .name = "log_level",
        .member = &Settings::log_level,
        .doc = "The least important records that are logged.",
    },
    base::Field{
        .name = "log_json",
        .member = &Settings::log_json,
        .doc = "Logs one JSON object per line instead of text.",
    },
};

inline constexpr std::tuple kSettingsFields =
    std::tuple_cat(kProbeFields, redis::kTlsFields<Settings>, hop::kRouteFields<Settings>);

}  // namespace sluice::delay
