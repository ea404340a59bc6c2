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

constexpr std::size_t kAttemptsMax = 8;  // of one route

// Another alternative would say the same.
bool is_final(Errc code) {
  return code == Errc::kRejected || code == Errc::kCancelled;
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

Result<> check(const DialRequest& request) {
  const auto& route = request.line.route;
  if (route.empty()) return fail(Errc::kRejected, "the route is empty");
  if (route.back().front().is_proxy()) {
    return fail(Errc::kRejected, "the route ends at the relay " +
                                     tunnel::to_string(route.back().front()) +
                                     ": write the destination, TCP:// or TLS://, behind it");
  }
  if (!route.front().front().is_proxy()) return {};
  TRY(const auto line, line_for_next(request));
  TRY_VOID(tunnel::print(line));
  return {};
}

rt::Task<Result<Dialled>> Tunnels::dial(DialRequest request) {
  CO_TRY_VOID(check(request));
  const auto& route = request.line.route;
  std::string failures;
  Errc last = Errc::kDisconnected;
  for (auto& node : in_order(route.front())) {
    auto dialled = co_await dial_node(node, request);
    if (dialled) {
      dialled->node = std::move(node);
      co_return dialled;
    }
    last = dialled.error().code;
    failures += (failures.empty() ? "" : "; ") + dialled.error().detail;
    if (is_final(last)) break;
  }
  co_return fail(last, std::move(failures));
}

tunnel::Hop Tunnels::in_order(const tunnel::Hop& hop) const {
  std::map<std::string, tunnel::Hop> by_name;
  tunnel::Hop names;
  for (const auto& node : hop) {
    const auto name = known_as(node);
    auto& of_name = by_name[tunnel::to_string(name)];
    if (of_name.empty()) names.push_back(name);
    of_name.push_back(node);
  }
  tunnel::Hop nodes;
  for (const auto& name : hops_.in_order(names, host_.clock().now())) {
    for (auto& node : by_name[tunnel::to_string(name)]) nodes.push_back(std::move(node));
  }
  nodes.resize(std::min(nodes.size(), kAttemptsMax));
  return nodes;
}

rt::Task<Result<Dialled>> Tunnels::dial_node(tunnel::Node node, DialRequest request) {
  if (!node.is_proxy()) {
    CO_TRY(auto stream, co_await connect(node));
    co_return Dialled{.stream = std::move(stream)};
  }
  CO_TRY(auto line, line_for_next(request));
  CO_TRY(auto connection, co_await connect_to_sluice(node));
  if (connection) {
    co_return co_await open_tunnel(std::move(connection), node, std::move(line),
                                   request.line.route.front());
  }
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
    hops_.failed(known_as(node), now);
    co_return at(node, connected.error());
  }
  hops_.connected(known_as(node), now - began, now);
  co_return connected;
}

// A relay of the field ends the connection upon an option too many in a ping. So does one of ours that
// dies just then: only who answers the field's ping after that is one of the field.
rt::Task<Result<std::unique_ptr<rt::Stream>>> Tunnels::connect_to_sluice(tunnel::Node node) {
  const auto name = known_as(node);
  const auto known = hops_.speaks_sluice(name, host_.clock().now());
  if (known == false) co_return std::unique_ptr<rt::Stream>();
  CO_TRY(auto connection, co_await connect(node));
  if (known) co_return connection;
  const auto speech = co_await ask(*connection, true);
  if (!speech) {
    hops_.failed(name, host_.clock().now());
    co_return at(node, speech.error());
  }
  if (*speech == Speech::kClosed) CO_TRY_VOID(co_await confirm_field(node));
  const bool speaks = *speech == Speech::kSluice;
  hops_.learned(name, speaks, host_.clock().now());
  if (!speaks) connection.reset();
  co_return connection;
}

rt::Task<Result<>> Tunnels::confirm_field(tunnel::Node node) {
  CO_TRY(const auto connection, co_await connect(node));
  const auto speech = co_await ask(*connection, false);
  if (speech && *speech != Speech::kClosed) co_return Result<>{};
  hops_.failed(known_as(node), host_.clock().now());
  if (!speech) co_return at(node, speech.error());
  co_return fail(Errc::kDisconnected, tunnel::to_string(node) +
                                          ": ends the connection upon a PING: no relay, or ending");
}

rt::Task<Result<Tunnels::Speech>> Tunnels::ask(rt::Stream& connection, bool wants_sluice) {
  std::function<void()> give_up = [&connection] { connection.close(Errc::kTimedOut); };
  const rt::Deadline deadline(host_.clock(), host_.clock().now() + options_.probe_timeout,
                              std::move(give_up));
  tunnel::PingLine ping;
  if (wants_sluice) ping.sluice.emplace();
  const auto wire = tunnel::print(ping);
  CO_TRY_VOID(co_await connection.write(wire));
  const auto answer = co_await read_line(connection);
  if (!answer) {
    if (answer.error().code == Errc::kTimedOut) co_return tl::unexpected<Error>(answer.error());
    co_return Speech::kClosed;
  }
  const auto pong = tunnel::parse_pong(*answer);
  if (!pong) co_return Speech::kClosed;  // as good as that: no relay answers so
  const bool speaks = pong->sluice && pong->sluice->version >= tunnel::kSluiceVersion;
  co_return speaks ? Speech::kSluice : Speech::kField;
}

rt::Task<Result<Dialled>> Tunnels::open_tunnel(std::unique_ptr<rt::Stream> connection,
                                               tunnel::Node node, tunnel::RouteLine line,
                                               tunnel::Hop alternatives) {
  const auto id = new_id();
  line.sluice = tunnel::SluiceOption{.stripe = tunnel::SluiceOption::Stripe{id, 0}};
  CO_TRY(const auto wire, tunnel::print(line));
  if (auto written = co_await connection->write(wire); !written)
    co_return at(node, written.error());
  if (gate_.is_closing()) co_return cancelled();
  Held& held = hold(id, tunnel::Side::kDialer, "");
  held.node = node;
  held.path = tunnel::to_string(known_as(node));
  held.line = std::move(line);
  std::erase(alternatives, node);
  held.others = std::move(alternatives);
  hops_.opened(known_as(node));
  auto stream = std::make_unique<TunnelStream>(held.tunnel);
  held.tunnel.adopt(std::move(connection), 0, "");
  const auto answered =
      co_await held.tunnel.answered(host_.clock().now() + options_.answer_timeout);
  if (!answered) {
    // It may be another program by now.
    if (answered.error().code != Errc::kRejected) hops_.unlearn(known_as(node));
    co_return at(node, answered.error());
  }
  auto* const tunnel = stream.get();
  co_return Dialled{.stream = std::move(stream), .tunnel = tunnel};
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

// --- a tunnel through which nothing comes ---------------------------------------------------------

void Tunnels::look_elsewhere(Held& held) {
  if (held.is_looking || held.others.empty() || gate_.is_closing()) return;
  held.is_looking = true;
  gate_.spawn(look_for_another(held.id, in_order(held.others)));
}

// Where none of the others answers either it is the path that is cut, and the tunnel outlasts that.
rt::Task<void> Tunnels::look_for_another(tunnel::TunnelId id, tunnel::Hop others) {
  std::optional<tunnel::Node> answers;
  for (auto& node : others) {
    auto connection = co_await connect(node);
    if (!connection) continue;
    const auto speech = co_await ask(**connection, false);
    if (!speech || *speech == Speech::kClosed) continue;
    answers = std::move(node);
    break;
  }
  const auto found = tunnels_.find(id);
  if (found == tunnels_.end()) co_return;
  auto& held = *found->second;
  held.is_looking = false;
  if (!answers || !held.tunnel.is_silent()) co_return;
  hops_.failed(known_as(*held.node), host_.clock().now());
  held.tunnel.abort({tunnel::AnswerCode::kTimedOut, tunnel::to_string(*held.node),
                     "it is silent, and " + tunnel::to_string(*answers) + " answers"});
}

}  // namespace sluice::hop
