// Opens a stream through relays in the field's own way: a route line, then raw bytes, no answer.
#pragma once

#include <memory>

#include "rt/host.h"
#include "tunnel/route.h"

namespace sluice::hop {

struct LineDialOptions {
  rt::ConnectOptions connect;  // its tls is used for a PROXYTLS or TLS node alone
};

// Connects to the first node of the first hop that takes the connection and writes the line for it.
// A relay that cannot go on says so later, in place of the destination's first bytes:
// "-PROXY <reason> <relay>: <detail>".
rt::Task<Result<std::unique_ptr<rt::Stream>>> dial_by_line(rt::Host& host, tunnel::Route route,
                                                           LineDialOptions options);

}  // namespace sluice::hop
