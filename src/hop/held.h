// What Tunnels keeps of a tunnel.
#pragma once

#include <optional>
#include <string>

#include "hop/tunnels.h"

namespace sluice::hop {

struct Tunnels::Held {
  Held(rt::Host& host, rt::Gate& gate, tunnel::Side side, const tunnel::Limits& limits)
      : tunnel(host, gate, side, limits), over(host.loop(), host.clock()) {}

  Tunnel tunnel;
  rt::Event over;
  tunnel::TunnelId id;
  std::string identity;              // of the peer, if it dialled
  std::string path;                  // tunnels of the same one share a way: by peer or dialled node
  std::optional<tunnel::Node> node;  // that was dialled
  tunnel::RouteLine line;            // with which
  tunnel::Hop others;                // that could have been dialled instead
  bool is_looking = false;           // for one of them that answers
};

}  // namespace sluice::hop
