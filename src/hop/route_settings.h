// The settings of a route, for roles that are no relays: one declaration for all of them.
#pragma once

#include <string>
#include <tuple>

#include "base/config.h"

namespace sluice::hop {

// A role's settings derive from it, and its table contains kRouteFields of that role.
struct RouteSettings {
  std::string route;
  // Files towards the first relay.
  std::string route_tls_ca;
  std::string route_tls_cert;
  std::string route_tls_key;
  std::string route_tls_server_name;
};

// kRejected: what does not fit together, or is no route. `what` the route leads to is told in the error.
Result<> check(const RouteSettings& settings, const std::string& what);

// `Struct` derives from RouteSettings. `route` may change while the role runs if it is kLive.
template <typename Struct, base::Reload kReload = base::Reload::kAtRestart>
inline constexpr std::tuple kRouteFields{
    base::Field<Struct, std::string>{
        .name = "route",
        .member = &Struct::route,
        .doc = "Relays on the way, as \"PROXYTCP://x:1 PROXYTLS://y:2\"; alternatives by comma. "
               "What the way leads to is appended by itself. Empty: directly.",
        .reload = kReload,
    },
    base::Field<Struct, std::string>{
        .name = "route_tls_ca",
        .member = &Struct::route_tls_ca,
        .doc = "PEM file of the authorities that the first relay's certificate must come from; "
               "the system's if absent.",
    },
    base::Field<Struct, std::string>{
        .name = "route_tls_cert",
        .member = &Struct::route_tls_cert,
        .doc = "PEM file of the certificate that is shown to the first relay.",
    },
    base::Field<Struct, std::string>{
        .name = "route_tls_key",
        .member = &Struct::route_tls_key,
        .doc = "PEM file of that certificate's key.",
    },
    base::Field<Struct, std::string>{
        .name = "route_tls_server_name",
        .member = &Struct::route_tls_server_name,
        .doc =
            "Name that the first relay's certificate must bear; its host in the route if absent.",
    },
};

}  // namespace sluice::hop
