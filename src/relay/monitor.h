// The answers to MONITOR lines, as the field's relays give them (XPipe, ProxyMonitorHandler).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hop/next_hops.h"
#include "rt/tcp_figures.h"

namespace sluice::relay {

// One end of a tunnel: the front, which asked for it, or the back, where it leads.
struct EndFacts {
  std::string address;  // ip:port; empty: not connected yet
  std::uint64_t in_bytes = 0;
  std::uint64_t out_bytes = 0;
  std::uint64_t in_bytes_s = 0;
  std::uint64_t out_bytes_s = 0;
  std::optional<rt::TcpFigures> tcp;
};

struct TunnelFacts {
  std::string front_name;   // who asked, for the tunnel's id
  std::string destination;  // the rest of the route after us
  std::int64_t line_received_ms = 0;
  std::int64_t established_ms = 0;  // 0: not yet
  EndFacts front;
  EndFacts back;
};

// RESP arrays. Strings are simple strings: the field's readers take no others here.
std::string tunnel_stats(std::span<const TunnelFacts> tunnels);
std::string socket_stats(std::span<const TunnelFacts> tunnels, std::int64_t now_ms);
std::string traffic_stats(std::span<const TunnelFacts> tunnels, std::int64_t now_ms);
std::string ping_stats(const hop::NextHops& hops);

}  // namespace sluice::relay
