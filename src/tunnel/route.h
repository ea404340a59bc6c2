// The line that opens a tunnel, or asks a relay something, as existing tools of the field send it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/codec.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace sluice::tunnel {

//   line  = "+PROXY" SP opt *(";" opt) [";"] CRLF         at most 1024 bytes with its CRLF
//   opt   = "ROUTE" SP hop *(SP hop) | "FORWARD_FOR" SP ip:port *(SP ip:port)
//         | "CONTENT COMPRESS ZSTD 1.0" | "PING" [SP uri] | "MONITOR" SP kind
//         | "SLUICE" SP version [SP tunnel-id SP stripe]   between two Sluice relays
//   hop   = uri *("," uri)                                 alternatives
//   uri   = ("TCP" | "TLS" | "PROXYTCP" | "PROXYTLS") "://" host ":" port
//
// A "#" behind an option makes it mandatory: who does not know it must refuse the line. Plain ones
// that are not known are passed on as they came.
inline constexpr std::size_t kLineBytesMax = 1024;
inline constexpr std::size_t kHopsMax = 16;          // a route that is longer is taken for a loop
inline constexpr std::size_t kAlternativesMax = 16;  // nodes per hop
inline constexpr std::size_t kForwardsMax = 16;      // peers in FORWARD_FOR before it is a loop

enum class Scheme : std::uint8_t { kTcp, kTls, kProxyTcp, kProxyTls };

struct Node {
  Scheme scheme = Scheme::kTcp;
  base::Endpoint endpoint;

  bool is_proxy() const { return scheme == Scheme::kProxyTcp || scheme == Scheme::kProxyTls; }
  bool is_tls() const { return scheme == Scheme::kTls || scheme == Scheme::kProxyTls; }

  friend bool operator==(const Node&, const Node&) = default;
};

Result<Node> parse_node(std::string_view uri);
std::string to_string(const Node& node);

// Nodes of which any one will do. All of them are relays (PROXY...) or none is.
using Hop = std::vector<Node>;

// From the node to connect to first to the destination; only the last hop may be no relay.
using Route = std::vector<Hop>;

// "PROXYTCP://x:1,PROXYTCP://y:1 TCP://b:2". kRejected says what is wrong and what would be right.
Result<Route> parse_route(std::string_view text);
std::string to_string(const Route& route);

// 128 bits of chance: who knows it may add a stripe to the tunnel.
struct TunnelId {
  std::array<std::uint64_t, 2> bits{};
  friend auto operator<=>(const TunnelId&, const TunnelId&) = default;
};

std::string to_string(const TunnelId& id);  // 32 hex digits
Result<TunnelId> parse_tunnel_id(std::string_view text);

inline constexpr std::uint32_t kSluiceVersion = 1;

// "SLUICE 1": the sender speaks Sluice's own transport from here to the next relay. With a stripe
// (in a route line): this connection is that stripe of the tunnel. Holds for one hop, so it is never
// passed on.
struct SluiceOption {
  struct Stripe {
    TunnelId tunnel;
    std::uint32_t number = 0;  // counts the connections of a tunnel, replacements too
    friend bool operator==(const Stripe&, const Stripe&) = default;
  };
  std::uint32_t version = kSluiceVersion;
  std::optional<Stripe> stripe{};

  friend bool operator==(const SluiceOption&, const SluiceOption&) = default;
};

struct RouteLine {
  Route route{};                           // never empty
  std::vector<std::string> forward_for{};  // ip:port of the peers passed so far, the client first
  bool is_compressed = false;  // CONTENT COMPRESS ZSTD 1.0: frames of compressed.h follow
  std::optional<SluiceOption> sluice{};
  std::vector<std::string> others{};  // plain options not known here

  friend bool operator==(const RouteLine&, const RouteLine&) = default;
};

// Asks for "+PROXY PONG ..."; with a node, of that relay through this one.
struct PingLine {
  std::optional<Node> through{};
  std::optional<SluiceOption> sluice{};
  friend bool operator==(const PingLine&, const PingLine&) = default;
};

enum class MonitorKind : std::uint8_t { kTunnelStats, kSocketStats, kPingStats, kTrafficStats };

struct MonitorLine {
  MonitorKind kind = MonitorKind::kTunnelStats;
  friend bool operator==(const MonitorLine&, const MonitorLine&) = default;
};

using Line = std::variant<RouteLine, PingLine, MonitorLine>;

// `text` is a line without its CRLF. kRejected names the option or node at fault.
Result<Line> parse_line(std::string_view text);

// With CRLF. kRejected if it would be longer than kLineBytesMax.
Result<std::string> print(const RouteLine& line);
std::string print(const PingLine& line);
std::string print(const MonitorLine& line);

// The line for the next relay: without the hop that has been reached, with `peer` (whom it was taken
// from, ip:port) behind the others. What holds for one hop only is not in it. kRejected if nothing
// is left of the route or too many relays have been passed.
Result<RouteLine> forwarded(const RouteLine& line, std::string peer);

// "+PROXY PONG <direct>" and, for a ping through this relay, "<real> <rtt_ms>". The option is
// answered to those who sent it, since others may not expect it.
struct Pong {
  struct Through {
    base::Endpoint real;
    std::int64_t rtt_ms = 0;
    friend bool operator==(const Through&, const Through&) = default;
  };
  base::Endpoint direct{};
  std::optional<Through> through{};
  std::optional<SluiceOption> sluice{};
  friend bool operator==(const Pong&, const Pong&) = default;
};

Result<Pong> parse_pong(std::string_view text);  // a line without its CRLF
std::string print(const Pong& pong);             // with CRLF

}  // namespace sluice::tunnel

namespace sluice {
template <>
inline constexpr auto base::kNames<tunnel::MonitorKind> =
    std::to_array<base::Named<tunnel::MonitorKind>>({
        {"TunnelStats", tunnel::MonitorKind::kTunnelStats},
        {"SocketStats", tunnel::MonitorKind::kSocketStats},
        {"PingStats", tunnel::MonitorKind::kPingStats},
        {"TrafficStats", tunnel::MonitorKind::kTrafficStats},
    });

template <>
inline constexpr auto base::kNames<tunnel::Scheme> = std::to_array<base::Named<tunnel::Scheme>>({
    {"TCP", tunnel::Scheme::kTcp},
    {"TLS", tunnel::Scheme::kTls},
    {"PROXYTCP", tunnel::Scheme::kProxyTcp},
    {"PROXYTLS", tunnel::Scheme::kProxyTls},
});
}  // namespace sluice
