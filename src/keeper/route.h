// How a keeper gets to its upstream through relays.
#pragma once

#include "hop/tunnels.h"
#include "keeper/config.h"
#include "redis/upstream.h"
#include "tunnel/route.h"

namespace sluice::keeper {

// The relays of the setting `route`, none if it is empty. kRejected if it names anything else.
Result<tunnel::Route> relays_of(const ShardConfig& shard);

// Goes through the shard's relays; empty without a route. The destination is appended as TCP://, also
// for a rediss:// upstream: its TLS runs inside the tunnel, end to end, so no relay sees the stream
// or the password.
redis::Dial dial_of(rt::Host& host, hop::Tunnels& tunnels, const ShardConfig& shard);

// How the first relay is connected to.
hop::Options transport_options(const ShardConfig& shard);

}  // namespace sluice::keeper
