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
               "master counts. A user of its needs ROLE, GEO.VECTOR, GEO.APPLY and GEO.POSITION.",
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

inline constexpr std::tuple kConnectionFields{
    base::Field{
        .name = "tls_ca",
        .member = &Settings::tls_ca,
        .doc = "For rediss:// URLs: PEM file of the authorities that certificates must come from; "
               "the system's if absent.",
    },
    base::Field{
        .name = "tls_cert",
        .member = &Settings::tls_cert,
        .doc = "PEM file of the certificate that is shown to keepers and masters.",
    },
    base::Field{
        .name = "tls_key",
        .member = &Settings::tls_key,
        .doc = "PEM file of that certificate's key.",
    },
    base::Field{
        .name = "tls_verify",
        .member = &Settings::tls_verify,
        .doc = "Whether certificates of keepers and masters and their names are verified.",
    },
    base::Field{
        .name = "route",
        .member = &Settings::route,
        .doc = "Relays on the way to the keepers, as \"PROXYTCP://x:1 PROXYTLS://y:2\"; the keeper "
               "itself is appended. Our master is always connected to directly.",
    },
    base::Field{
        .name = "route_tls_ca",
        .member = &Settings::route_tls_ca,
        .doc = "PEM file of the authorities that the first relay's certificate must come from.",
    },
    base::Field{
        .name = "route_tls_cert",
        .member = &Settings::route_tls_cert,
        .doc = "PEM file of the certificate that is shown to the first relay.",
    },
    base::Field{
        .name = "route_tls_key",
        .member = &Settings::route_tls_key,
        .doc = "PEM file of that certificate's key.",
    },
    base::Field{
        .name = "route_tls_server_name",
        .member = &Settings::route_tls_server_name,
        .doc =
            "Name that the first relay's certificate must bear; its host in the route if absent.",
    },
};

inline constexpr std::tuple kSettingsFields = std::tuple_cat(kLinkFields, kConnectionFields);

}  // namespace sluice::geo
