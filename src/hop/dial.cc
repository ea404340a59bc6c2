// Dialling: the way from here through the first hop of a route.
#include <array>
#include <utility>

#include "hop/held.h"
#include "hop/tunnels.h"
#include "rt/deadline.h"
#include "tunnel/line_reader.h"

namespace sluice::hop {

namespace {

tl::unexpected<Error> cancelled() {
  return fail(Errc::kCancelled, "the tunnels are being closed");
}

tl::unexpected<Error> at(const tunnel::Node& node, const Error& why) {
  return fail(why.code, tunnel::to_string(node) + ": " + why.detail);
}

// Another alternative may do better.
bool is_the_nodes_fault(Errc code) {
  return code == Errc::kDisconnected || code == Errc::kTimedOut || code == Errc::kBusy ||
         code == Errc::kProtocol;
}

// What the node that has been reached is told.
Result<tunnel::RouteLine> line_for_next(const DialRequest& request) {
  if (!request.from.empty()) return tunnel::forwarded(request.line, request.from);
  auto line = request.line;
  line.route.erase(line.route.begin());
  line.is_compressed = false;
  line.sluice.reset();
  return line;
}

// A line of at most kLineBytesMax, and nothing behind it.
rt::Task<Result<std::string>> read_line(rt::Stream& connection) {
  tunnel::LineReader reader;
  std::array<char, 256> bytes{};
  for (;;) {
    CO_TRY(const auto count, co_await connection.read_some(bytes));
    CO_TRY(auto taken, reader.take({bytes.data(), count}));
    if (!taken.line) continue;
    if (taken.consumed != count) {
      co_return fail(Errc::kProtocol, "something follows the answer to a ping");
    }
    co_return *std::move(taken.line);
  }
}

}  // namespace

rt::Task<Result<Dialled>> Tunnels::dial(DialRequest request) {
  const auto& route = request.line.route;
  if (route.empty()) co_return fail(Errc::kRejected, "the route is empty");
  if (route.back().front().is_proxy()) {
    co_return fail(Errc::kRejected, "the route ends at the relay " +
                                        tunnel::to_string(route.back().front()) +
                                        ": write the destination, TCP:// or TLS://, behind it");
  }
  Error last{Errc::kDisconnected, "no node was tried"};
  for (auto& node : hops_.in_order(route.front(), host_.clock().now())) {
    auto dialled = co_await dial_node(node, request);
    if (dialled || !is_the_nodes_fault(dialled.error().code)) co_return dialled;
    last = dialled.error();
  }
  co_return tl::unexpected<Error>(std::move(last));
}

rt::Task<Result<Dialled>> Tunnels::dial_node(tunnel::Node node, DialRequest request) {
  if (!node.is_proxy()) {
    CO_TRY(auto stream, co_await connect(node));
    co_return Dialled{.stream = std::move(stream)};
  }
  CO_TRY(auto line, line_for_next(request));
  CO_TRY(auto connection, co_await connect_to_sluice(node));
  if (connection) co_return co_await open_tunnel(std::move(connection), node, std::move(line));
  CO_TRY(connection, co_await connect(node));
  CO_TRY(const auto wire, tunnel::print(line));
  if (auto written = co_await connection->write(wire); !written)
    co_return at(node, written.error());
  co_return Dialled{.stream = std::move(connection)};
}

rt::Task<Result<std::unique_ptr<rt::Stream>>> Tunnels::connect(tunnel::Node node) {
  auto options = node.is_proxy() ? options_.to_relay : options_.to_destination;
  if (!node.is_tls()) {
    options.tls.reset();
  } else if (!options.tls) {
    options.tls.emplace();
  }
  const auto began = host_.clock().now();
  auto connecting = options_.connect ? options_.connect(node)
                                     : host_.network().connect(node.endpoint, std::move(options));
  auto connected = co_await std::move(connecting);
  const auto now = host_.clock().now();
  if (!connected) {
    hops_.failed(node, now);
    co_return at(node, connected.error());
  }
  hops_.connected(node, now - began);
  co_return connected;
}

rt::Task<Result<std::unique_ptr<rt::Stream>>> Tunnels::connect_to_sluice(tunnel::Node node) {
  const auto known = hops_.speaks_sluice(node, host_.clock().now());
  if (known == false) co_return std::unique_ptr<rt::Stream>();
  CO_TRY(auto connection, co_await connect(node));
  if (known) co_return connection;
  auto speaks = co_await ask(*connection, node);
  if (!speaks) {
    hops_.failed(node, host_.clock().now());
    co_return at(node, speaks.error());
  }
  hops_.learned(node, *speaks, host_.clock().now());
  if (!*speaks) connection.reset();
  co_return connection;
}

// A relay of the field closes the connection upon an option too many in a ping.
rt::Task<Result<bool>> Tunnels::ask(rt::Stream& connection, const tunnel::Node&) {
  std::function<void()> give_up = [&connection] { connection.close(Errc::kTimedOut); };
  const rt::Deadline deadline(host_.clock(), host_.clock().now() + options_.probe_timeout,
                              std::move(give_up));
  const tunnel::PingLine ping{.through = {}, .sluice = tunnel::SluiceOption{}};
  const auto wire = tunnel::print(ping);
  CO_TRY_VOID(co_await connection.write(wire));
  const auto answer = co_await read_line(connection);
  if (!answer) {
    if (answer.error().code == Errc::kTimedOut) co_return tl::unexpected<Error>(answer.error());
    co_return false;
  }
  const auto pong = tunnel::parse_pong(*answer);
  co_return pong && pong->sluice && pong->sluice->version >= tunnel::kSluiceVersion;
}

rt::Task<Result<Dialled>> Tunnels::open_tunnel(std::unique_ptr<rt::Stream> connection,
                                               tunnel::Node node, tunnel::RouteLine line) {
  const auto id = new_id();
  line.sluice = tunnel::SluiceOption{.stripe = tunnel::SluiceOption::Stripe{id, 0}};
  CO_TRY(const auto wire, tunnel::print(line));
  if (auto written = co_await connection->write(wire); !written)
    co_return at(node, written.error());
  if (gate_.is_closing()) co_return cancelled();
  Held& held = hold(id, tunnel::Side::kDialer, "");
  held.node = node;
  held.line = std::move(line);
  hops_.tunnel_began(node);
  auto stream = std::make_unique<TunnelStream>(held.tunnel);
  held.tunnel.adopt(std::move(connection), 0, "");
  const auto answered =
      co_await held.tunnel.answered(host_.clock().now() + options_.answer_timeout);
  if (!answered) {
    // It may be another program by now.
    if (answered.error().code != Errc::kRejected) hops_.unlearn(node);
    co_return at(node, answered.error());
  }
  auto* const tunnel = stream.get();
  co_return Dialled{std::move(stream), tunnel};
}

rt::Task<void> Tunnels::dial_stripe(Held& held) {
  const auto number = held.tunnel.next_number();
  auto connected = co_await connect(*held.node);
  if (!connected) {
    held.tunnel.dial_failed(connected.error(), connected.error().code == Errc::kDisconnected);
    co_return;
  }
  auto line = held.line;
  line.sluice->stripe->number = number;
  const auto wire = tunnel::print(line);
  if (!wire) {
    held.tunnel.dial_failed(wire.error(), true);
    co_return;
  }
  const auto written = co_await (*connected)->write(*wire);
  if (!written) {
    held.tunnel.dial_failed(written.error(), false);
    co_return;
  }
  held.tunnel.adopt(*std::move(connected), number, "");
}

}  // namespace sluice::hop
