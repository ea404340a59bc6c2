// The tables of a relay's settings: names, meanings, bounds.
#pragma once

#include "relay/config.h"

namespace sluice::relay {

inline constexpr std::tuple kListenFields{
    base::Field{
        .name = "listen",
        .member = &Settings::listen,
        .doc = "Address for clients and relays without TLS. One of the two is needed.",
    },
    base::Field{
        .name = "tls_listen",
        .member = &Settings::tls_listen,
        .doc = "Address for clients and relays with TLS 1.3; they must show a certificate.",
    },
    base::Field{
        .name = "tls_cert",
        .member = &Settings::tls_cert,
        .doc = "PEM file of our certificate, shown to both sides. Read again when it changes.",
    },
    base::Field{
        .name = "tls_key",
        .member = &Settings::tls_key,
        .doc = "PEM file of that certificate's key.",
    },
    base::Field{
        .name = "tls_ca",
        .member = &Settings::tls_ca,
        .doc = "PEM file of the authorities that certificates of both sides must come from.",
    },
    base::Field{
        .name = "tls_server_name",
        .member = &Settings::tls_server_name,
        .doc = "Name that the certificate of a next relay must bear; its host in the route if "
               "absent. Routes of numeric addresses need it.",
    },
    base::Field{
        .name = "allow",
        .member = &Settings::allow,
        .doc = "Where anybody may be connected to, as HOST, CIDR, HOST:PORT or CIDR:PORT: "
               "destinations and next relays. Nothing else is; without any, nothing at all. Read "
               "again upon SIGHUP, as [[client]] tables are.",
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

inline constexpr std::tuple kLimitFields{
    base::Field{
        .name = "tunnels_max",
        .member = &Settings::tunnels_max,
        .doc = "Tunnels open at the same time; further ones are refused.",
        .min = 1,
        .max = 1'000'000,
    },
    base::Field{
        .name = "buffer_bytes",
        .member = &Settings::buffer_bytes,
        .doc =
            "What a tunnel holds per direction while its receiver is slow. Then no more is read.",
        .min = 4_KiB,
        .max = 256_KiB,
    },
    base::Field{
        .name = "line_timeout",
        .member = &Settings::line_timeout,
        .doc = "How long a connection may take to say what it wants.",
        .min = std::chrono::milliseconds(10),
    },
    base::Field{
        .name = "connect_timeout",
        .member = &Settings::connect_timeout,
        .doc = "How long connecting to one next node may take, TLS handshake included.",
        .min = std::chrono::milliseconds(10),
    },
    base::Field{
        .name = "drain_time",
        .member = &Settings::drain_time,
        .doc = "After SIGTERM: how long tunnels may live on; new ones are refused meanwhile. A "
               "second signal ends them at once.",
    },
};

inline constexpr std::tuple kTransportFields{
    base::Field{
        .name = "stripes",
        .member = &Settings::stripes,
        .doc = "Connections to another Sluice relay that one busy tunnel is spread over.",
        .min = 1,
        .max = 16,
    },
    base::Field{
        .name = "stripes_from_bytes",
        .member = &Settings::stripes_from_bytes,
        .doc = "A tunnel has one connection until it has carried so much.",
        .max = 1_GiB,
    },
    base::Field{
        .name = "window_bytes",
        .member = &Settings::window_bytes,
        .doc = "The most of a tunnel that may be sent and not yet taken at its end, per direction: "
               "what a slow destination can make the last relay hold. At least the bandwidth "
               "times the round trip.",
        .min = 256_KiB,
        .max = 1_GiB,
    },
    base::Field{
        .name = "bulk_yields",
        .member = &Settings::bulk_yields,
        .doc =
            "Whether tunnels that send as much as they can leave some of the link unused while "
            "small ones to or from the same relay carry something, so that those are not queued.",
    },
    base::Field{
        .name = "compression",
        .member = &Settings::compression,
        .doc = "Whether what is sent to another Sluice relay is compressed (zstd) where it helps.",
    },
    base::Field{
        .name = "compression_level",
        .member = &Settings::compression_level,
        .doc = "Level of zstd.",
        .min = -7,
        .max = 9,
    },
    base::Field{
        .name = "flush_interval",
        .member = &Settings::flush_interval,
        .doc = "How long bytes of a busy tunnel may wait for more; an idle one sends at once.",
        .max = std::chrono::seconds(1),
    },
};

inline constexpr std::tuple kSocketFields{
    base::Field{
        .name = "congestion_control",
        .member = &Settings::congestion_control,
        .doc = "Congestion control of all sockets; cubic if the kernel does not offer it.",
    },
    base::Field{
        .name = "send_buffer_bytes",
        .member = &Settings::send_buffer_bytes,
        .doc = "Send buffer of each socket; 0 leaves it to the kernel's autotuning.",
        .max = 1_GiB,
    },
    base::Field{
        .name = "receive_buffer_bytes",
        .member = &Settings::receive_buffer_bytes,
        .doc = "Receive buffer of each socket; 0 leaves it to the kernel's autotuning.",
        .max = 1_GiB,
    },
    base::Field{
        .name = "unsent_low_bytes",
        .member = &Settings::unsent_low_bytes,
        .doc = "Unsent bytes that a socket takes before its writer waits. More while a tunnel has "
               "more to send than its path takes.",
        .min = 1_KiB,
        .max = 1_GiB,
    },
    base::Field{
        .name = "user_timeout",
        .member = &Settings::user_timeout,
        .doc = "How long sent bytes may stay unacknowledged before a connection is given up; 0 "
               "means the kernel's quarter of an hour.",
    },
    base::Field{
        .name = "retransmit_pause_max",
        .member = &Settings::retransmit_pause_max,
        .doc = "Longest pause between retransmissions, where the kernel has it (Linux 6.15): how "
               "soon a tunnel flows again after a cut.",
    },
    base::Field{
        .name = "destination_timeout",
        .member = &Settings::destination_timeout,
        .doc =
            "How long the host of a destination (TCP://, TLS://) may acknowledge nothing, neither "
            "bytes nor the keepalives of an idle connection, or take nothing, before its tunnel "
            "ends.",
        .min = std::chrono::seconds(1),
        .max = std::chrono::hours(1),
    },
};

inline constexpr std::tuple kSettingsFields =
    std::tuple_cat(kListenFields, kLimitFields, kTransportFields, kSocketFields);

inline constexpr std::tuple kClientFields{
    base::Field{
        .name = "name",
        .member = &ClientSettings::name,
        .doc = "What logs and metrics call these clients.",
        .is_required = true,
    },
    base::Field{
        .name = "certificate",
        .member = &ClientSettings::certificate,
        .doc = "Names of certificates (CN, DNS or IP): a client must show one of them.",
    },
    base::Field{
        .name = "from",
        .member = &ClientSettings::from,
        .doc = "Addresses, as CIDR: a client must come from one of them.",
    },
    base::Field{
        .name = "allow",
        .member = &ClientSettings::allow,
        .doc = "Where these clients may be connected to, beside what anybody may.",
    },
};

}  // namespace sluice::relay
