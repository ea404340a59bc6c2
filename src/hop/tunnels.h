// All tunnels of a core, both those that lead from here and those that end here.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hop/next_hops.h"
#include "hop/tunnel_stream.h"
#include "rt/gate.h"
#include "rt/host.h"
#include "tunnel/route.h"

namespace sluice::hop {

struct Options {
  tunnel::Limits limits{};
  // How to connect to relays (PROXYTCP, PROXYTLS: then with `tls`, by default the system's trust),
  // and to destinations (TCP, TLS).
  rt::ConnectOptions to_relay{.timeout = std::chrono::milliseconds(2500), .tls = {}};
  rt::ConnectOptions to_destination{.timeout = std::chrono::milliseconds(2500), .tls = {}};
  // In place of both: connects to a node for who decides itself where to, and how. May be empty.
  std::function<rt::Task<Result<std::unique_ptr<rt::Stream>>>(tunnel::Node)> connect{};
  // The node as which a node is known in next_hops(), for who dials by numbers. May be empty.
  std::function<tunnel::Node(const tunnel::Node&)> known_as{};
  rt::Duration probe_timeout = std::chrono::milliseconds(2500);  // for "do you speak Sluice"
  rt::Duration answer_timeout = std::chrono::seconds(15);        // for all hops behind the first
};

// A way to dial. `from` is the peer whose route line it is, ip:port, for FORWARD_FOR; empty if the
// route starts here.
struct DialRequest {
  tunnel::RouteLine line;
  std::string from{};
};

// kRejected if the route has no destination, or no relay could be told of it.
Result<> check(const DialRequest& request);

struct Dialled {
  std::unique_ptr<rt::Stream> stream;
  tunnel::Node node{};             // of the first hop, that was taken
  TunnelStream* tunnel = nullptr;  // the same, if the first hop speaks Sluice
};

// What became of a connection that began with a route line.
struct Accepted {
  std::unique_ptr<rt::Stream> stream;  // null: it has joined a tunnel that exists
  TunnelStream* tunnel = nullptr;      // the same, if the peer speaks Sluice: it awaits answer()
};

class Tunnels {
 public:
  Tunnels(rt::Host& host, Options options);
  Tunnels(const Tunnels&) = delete;
  Tunnels& operator=(const Tunnels&) = delete;

  // Connects to the best of the route's first nodes, else to the next, and through it to the route's
  // end; to the end itself if that is the first. With a Sluice relay it returns once every hop has answered; with another
  // relay, of which no answer comes, once that is connected. The error names the hops at fault.
  // A tunnel that falls silent ends as soon as another of those nodes is found to answer.
  rt::Task<Result<Dialled>> dial(DialRequest request);

  // Takes a connection that began with `line`; `rest` was read behind it. `identity` is whom the
  // peer has proved to be, or its address: only the same may add stripes. kRejected, kNotFound and
  // kBusy mean that the connection has been told and closed.
  Result<Accepted> accept(std::unique_ptr<rt::Stream> connection, const tunnel::RouteLine& line,
                          std::string_view rest, std::string identity);

  // Ends all tunnels. What was not delivered is lost.
  void close();
  // Returns once all are gone, and with them every stream must be.
  rt::Task<void> closed();

  std::size_t size() const { return tunnels_.size(); }
  NextHops& next_hops() { return hops_; }
  const NextHops& next_hops() const { return hops_; }

 private:
  struct Held;

  rt::Task<Result<Dialled>> dial_node(tunnel::Node node, DialRequest request);
  rt::Task<Result<Dialled>> open_tunnel(std::unique_ptr<rt::Stream> connection, tunnel::Node node,
                                        tunnel::RouteLine line, tunnel::Hop alternatives);
  rt::Task<Result<std::unique_ptr<rt::Stream>>> connect(tunnel::Node node);
  // Nothing: it does not speak Sluice, and the connection is of no use any more.
  rt::Task<Result<std::unique_ptr<rt::Stream>>> connect_to_sluice(tunnel::Node node);
  enum class Speech : std::uint8_t { kSluice, kField, kClosed };
  rt::Task<Result<Speech>> ask(rt::Stream& connection, bool wants_sluice);
  rt::Task<Result<>> confirm_field(tunnel::Node node);
  rt::Task<void> dial_stripe(Held& held);
  void look_elsewhere(Held& held);
  bool is_beside_small(const Held& held) const;
  rt::Task<void> look_for_another(tunnel::TunnelId id, tunnel::Hop others);
  tunnel::Node known_as(const tunnel::Node& node) const;
  tunnel::Hop in_order(const tunnel::Hop& hop) const;
  rt::Task<void> keep(std::unique_ptr<Held> held);
  rt::Task<void> refuse(std::unique_ptr<rt::Stream> connection, tunnel::Answer why);
  Held& hold(tunnel::TunnelId id, tunnel::Side side, std::string identity);
  tunnel::TunnelId new_id();

  rt::Host& host_;
  const Options options_;
  NextHops hops_;
  std::map<tunnel::TunnelId, Held*> tunnels_;
  rt::Gate gate_;
};

}  // namespace sluice::hop
