// The table of the link's settings: names, meanings, bounds.
#pragma once

#include "geo/config.h"

namespace sluice::geo {

inline constexpr std::tuple kLinkFields{
    base::Field{
        .name = "from",
        .member = &Settings::from,
        .doc = "A peer region's keeper, as [NAME=]URL. Our master remembers under that name (by "
               "default host:port) how far it is: keep it when the keeper moves. A user of the "
               "keeper's needs PSYNC, REPLCONF and PING. May be given several times.",
        .is_secret = true,
        .is_required = true,
    },
    base::Field{
        .name = "to",
        .member = &Settings::to,
        .doc = "Our region's master, with sluice-geo.so; if several are given, the one that is "
               "master counts. A user of its needs ROLE, GEO.VECTOR, GEO.APPLY, GEO.POSITION, "
               "GEO.MERGE and GEO.INFO.",
        .is_secret = true,
        .is_required = true,
    },
    base::Field{
        .name = "metrics",
        .member = &Settings::metrics,
        .doc = "Address of /metrics (Prometheus) and /health; without a host, loopback only.",
    },
    base::Field{
        .name = "gossip_wait",
        .member = &Settings::gossip_wait,
        .doc = "How long an op of a third region, which this peer's stream holds too, is left to "
               "that region's own link.",
        .max = std::chrono::minutes(1),
    },
    base::Field{
        .name = "retry_wait",
        .member = &Settings::retry_wait,
        .doc =
            "Time until a refused batch is sent again; five times that if an operator is needed.",
        .min = Milliseconds(1),
        .max = std::chrono::minutes(1),
    },
    base::Field{
        .name = "position_interval",
        .member = &Settings::position_interval,
        .doc = "How often our master is told how far we are while there is nothing to apply.",
        .min = Milliseconds(10),
        .max = std::chrono::minutes(10),
    },
    base::Field{
        .name = "answer_timeout",
        .member = &Settings::answer_timeout,
        .doc = "Our master may take so long for an answer.",
        .min = Milliseconds(100),
    },
    base::Field{
        .name = "source_timeout",
        .member = &Settings::source_timeout,
        .doc = "A keeper that sends nothing for so long is given up; it passes on its master's "
               "pings (repl-ping-replica-period).",
        .min = Milliseconds(100),
    },
    base::Field{
        .name = "lack_patience",
        .member = &Settings::lack_patience,
        .doc =
            "What a keeper's log does not reach back to may still come by others; when nothing of "
            "it has come for so long, our region rejoins by a snapshot.",
    },
    base::Field{
        .name = "queue_bytes",
        .member = &Settings::queue_bytes,
        .doc = "Of batches read from one peer and not yet settled: beyond, its stream is not read.",
        .min = base::ByteSize{64U << 10U},
    },
    base::Field{
        .name = "in_flight_bytes",
        .member = &Settings::in_flight_bytes,
        .doc = "Of batches sent to our master and not answered, per peer.",
        .min = base::ByteSize{4U << 10U},
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
    std::tuple_cat(kLinkFields, redis::kTlsFields<Settings>, hop::kRouteFields<Settings>);

}  // namespace sluice::geo
