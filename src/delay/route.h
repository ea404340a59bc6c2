// How the prober gets to watched nodes through relays.
#pragma once

#include "delay/config.h"
#include "hop/tunnels.h"
#include "redis/dial.h"

namespace sluice::delay {

// Goes through the relays of `route`, and inside the tunnel with TLS for a rediss:// node; empty
// without a route. `host` and `tunnels` outlive it.
redis::Dial dial_of(rt::Host& host, hop::Tunnels& tunnels, const Settings& settings);

// How the first relay is connected to.
hop::Options transport_options(const Settings& settings);

}  // namespace sluice::delay
