// The way to a server over a configured route, for roles that are no relays themselves.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hop/route_settings.h"
#include "hop/tunnels.h"
#include "tunnel/route.h"

namespace sluice::hop {

// How the first relay is connected to: TLS 1.3 for PROXYTLS, tuned for long and lossy paths.
Options route_options(const RouteSettings& settings);

// The relays that `text` names, none if it is empty. kRejected if it names anything else: what the
// route leads to is appended by who dials, and `what` is that in the error.
Result<tunnel::Route> relays_of(const std::string& text, const std::string& what);

// As redis::Dial has it.
using DialThrough = std::function<rt::Task<Result<std::unique_ptr<rt::Stream>>>(
    base::Endpoint, rt::ConnectOptions)>;

// Goes through `relays`; empty if there are none. The destination is appended as TCP://, also if TLS
// is wanted: that runs inside the tunnel, end to end, so no relay sees the stream or a password.
// `host` and `tunnels` outlive it.
DialThrough through_relays(rt::Host& host, Tunnels& tunnels, tunnel::Route relays);

}  // namespace sluice::hop
