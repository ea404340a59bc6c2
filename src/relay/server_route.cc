#include <algorithm>
#include <utility>

#include "relay/server_state.h"

namespace sluice::relay {
namespace {

constexpr std::size_t kAddressesMax = 2;  // tried of each name
constexpr std::size_t kNamesMax = 4096;

bool is_same_host(const std::string& a, const std::string& b) {
  const auto x = IpAddress::parse(a);
  const auto y = IpAddress::parse(b);
  return x && y ? *x == *y : a == b;
}

std::string host_of(const std::string& address) {
  const auto parsed = base::parse_endpoint(address);
  return parsed ? parsed->host : std::string();
}

}  // namespace

rt::Task<Result<>> Server::follow(Client& client, tunnel::RouteLine line) {
  const auto is_tunnel = take_transport(client, line);
  if (!is_tunnel) {
    note_refusal(client, refusal_of(is_tunnel.error(), line));
    co_return tl::unexpected<Error>(is_tunnel.error());
  }
  if (!*is_tunnel) co_return Result<>{};
  if (auto refused = refusal_before_dialing(client, line)) {
    co_return co_await refuse(client, *std::move(refused));
  }
  auto backend = co_await reach(client, line);
  if (!backend) co_return tl::unexpected<Error>(std::move(backend).error());
  if (client.tunnel != nullptr) client.tunnel->answer({});
  line.route.erase(line.route.begin());
  auto destination = backend->node.is_proxy() ? to_string(line.route) : to_string(backend->node);
  co_return co_await carry(client, *std::move(backend), std::move(destination));
}

Result<bool> Server::take_transport(Client& client, const tunnel::RouteLine& line) {
  const bool is_raw = !line.is_compressed && !(line.sluice && line.sluice->stripe);
  if (is_raw) return true;
  asking_.erase(client.stream.get());
  TRY(auto accepted,
      transport_.accept(std::move(client.stream), line, client.unread, identity_of(client)));
  client.unread.clear();
  if (!accepted.stream) return false;
  client.stream = std::move(accepted.stream);
  client.tunnel = accepted.tunnel;
  asking_.insert(client.stream.get());
  return true;
}

// Whoever shows the same certificate, or comes from the same address without one.
std::string Server::identity_of(const Client& client) {
  std::string names;
  for (const auto& name : client.facts.identities) names += name + " ";
  return names.empty() ? host_of(client.peer) : names;
}

// The next node, connected and told the rest of the route; else the client has been refused.
rt::Task<Result<Server::Backend>> Server::reach(Client& client, const tunnel::RouteLine& line) {
  Refused why{Refusal::kNotAllowed, ""};
  auto own_ip = host_of(client.stream->local());
  ++dialing_;
  auto candidates = co_await allowed(client.facts, line.route.front(), std::move(own_ip), why);
  const bool has_any = !candidates.empty();
  auto backend = co_await connect_best(std::move(candidates), line, client.peer);
  --dialing_;
  if (!backend) {
    if (has_any) {
      why = {Refusal::kUnreachable, backend.error().detail,
             tunnel::to_answer(backend.error(), "").code};
    }
    CO_TRY_VOID(co_await refuse(client, std::move(why)));
  }
  co_return backend;
}

rt::Task<Result<>> Server::carry(Client& client, Backend backend, std::string destination) {
  auto& front = *client.stream;
  auto& back = *backend.dialled.stream;
  Pump pump(host_, front, back, config_.settings.buffer_bytes.bytes);
  Tunnel tunnel{.front = &front,
                .back = &back,
                .pump = &pump,
                .front_tunnel = client.tunnel,
                .back_tunnel = backend.dialled.tunnel,
                .facts = &client.facts,
                .to = {backend.node.endpoint, IpAddress::parse(backend.dialled.node.endpoint.host)},
                .destination = std::move(destination),
                .label = metrics_.label_of(to_string(backend.node)),
                .line_received_ms = client.line_received_ms,
                .established_ms = host_.clock().wall_ms()};
  const auto id = next_id_++;
  const auto own_end = back.local();
  tunnels_.emplace(id, &tunnel);
  asking_.erase(&front);
  // Only behind a relay can there be a loop. On one machine, where ports of a client and of ours may
  // be the same, the end towards a destination would look like one.
  if (backend.node.is_proxy()) own_ends_.insert(own_end);
  const bool is_raw = backend.dialled.tunnel == nullptr;  // else the transport counts it
  if (is_raw) hops().opened(backend.node);
  metrics_.opened();
  log_.debug("tunnel opened", {{"from", front.peer()}, {"to", to_string(backend.node)}});

  auto early = std::exchange(client.unread, {});
  const auto ended = co_await pump.run(std::move(early));

  account(tunnel);
  if (is_raw) hops().closed(backend.node);
  own_ends_.erase(own_end);
  tunnels_.erase(id);
  drained_.notify_all();
  co_return ended;
}

// Of a connection that would be part of a tunnel; the transport has told it.
Server::Refused Server::refusal_of(const Error& why, const tunnel::RouteLine& line) {
  if (why.code == Errc::kBusy) return {Refusal::kDraining, why.detail};
  const bool is_first = !line.sluice || !line.sluice->stripe || line.sluice->stripe->number == 0;
  return {is_first ? Refusal::kBadLine : Refusal::kNoTunnel, why.detail};
}

std::optional<Server::Refused> Server::refusal_before_dialing(const Client& client,
                                                              const tunnel::RouteLine& line) const {
  if (is_draining_) return Refused{Refusal::kDraining, "this relay is being stopped"};
  if (tunnels_.size() + dialing_ >= config_.settings.tunnels_max) {
    return Refused{Refusal::kFull, "tunnels_max (" + std::to_string(config_.settings.tunnels_max) +
                                       ") tunnels are open"};
  }
  if (const auto fits = hop::check({.line = line, .from = client.peer}); !fits) {
    return Refused{Refusal::kBadLine, fits.error().detail};
  }
  for (const auto& passed : line.forward_for) {
    if (own_ends_.contains(passed)) {
      return Refused{Refusal::kLoop, "the route has passed this relay before: " + passed};
    }
  }
  return std::nullopt;
}

// Names are resolved here and their addresses judged and connected to, so that a name cannot mean
// one place when it is judged and another when it is used.
rt::Task<std::vector<Server::Candidate>> Server::allowed(const ClientFacts& facts, tunnel::Hop hop,
                                                         std::string own_ip, Refused& why_none) {
  std::vector<Candidate> candidates;
  for (const auto& node : hop) {
    const auto name = to_string(node);
    const rt::Duration timeout = config_.settings.connect_timeout;
    if (!allow_.could_allow(facts, node.endpoint)) {
      why_none = {Refusal::kNotAllowed, name + " is not on the allow-list"};
      continue;
    }
    const auto addresses = co_await host_.network().resolve(node.endpoint, timeout);
    if (!addresses) {
      why_none = {Refusal::kUnreachable, addresses.error().detail};
      continue;
    }
    std::size_t taken = 0;
    for (const auto& address : *addresses) {
      const Destination destination{node.endpoint, IpAddress::parse(address.host)};
      if (!allow_.allows(facts, destination)) {
        why_none = {Refusal::kNotAllowed, name + " is not on the allow-list"};
      } else if (is_self(address, own_ip)) {
        why_none = {Refusal::kLoop, name + " is this relay itself"};
      } else if (taken < kAddressesMax) {
        candidates.push_back({node, address});
        ++taken;
      }
    }
    if (taken > 0 && node.is_proxy()) hops().want(node, host_.clock().now());
  }
  co_return candidates;
}

bool Server::is_self(const base::Endpoint& address, const std::string& own_ip) const {
  const auto ip = IpAddress::parse(address.host);
  for (const auto& listener : listeners_) {
    const auto local = listener->local();
    if (local.port != address.port) continue;
    const auto bound = IpAddress::parse(local.host);
    const bool is_everywhere = bound && bound->is_unspecified();
    if (!is_everywhere && is_same_host(local.host, address.host)) return true;
    if (is_everywhere && (is_same_host(own_ip, address.host) ||
                          (ip && (ip->is_loopback() || ip->is_unspecified())))) {
      return true;
    }
  }
  return false;
}

rt::Task<Result<Server::Backend>> Server::connect_best(std::vector<Candidate> candidates,
                                                       tunnel::RouteLine line, std::string from) {
  if (candidates.empty()) co_return fail(Errc::kRejected, "nothing may be connected to");
  hop::DialRequest request{.line = std::move(line), .from = std::move(from)};
  auto& first = request.line.route.front();
  first.clear();
  for (const auto& candidate : candidates) {
    first.push_back({candidate.node.scheme, candidate.address});
    remember_name(first.back(), candidate.node);
  }
  CO_TRY(auto dialled, co_await transport_.dial(std::move(request)));
  auto node = named(dialled.node);
  Backend backend{std::move(node), std::move(dialled)};
  co_return backend;
}

tunnel::Node Server::named(const tunnel::Node& by_number) const {
  const auto found = names_.find(to_string(by_number));
  return found == names_.end() ? by_number : found->second;
}

void Server::remember_name(const tunnel::Node& by_number, const tunnel::Node& by_name) {
  if (names_.size() >= kNamesMax) names_.erase(names_.begin());
  names_.insert_or_assign(to_string(by_number), by_name);
}

hop::Options Server::transport_options() {
  hop::Options options;
  options.connect = [this](tunnel::Node node) { return connect(std::move(node)); };
  options.known_as = [this](const tunnel::Node& by_number) { return named(by_number); };
  options.probe_timeout = config_.settings.connect_timeout;
  options.answer_timeout = 3 * rt::Duration(config_.settings.connect_timeout);
  auto& limits = options.limits;
  limits.stripes = config_.settings.stripes;
  limits.one_stripe_bytes = config_.settings.stripes_from_bytes;
  limits.window_max = config_.settings.window_bytes;
  limits.window_min = std::min(limits.window_min, limits.window_max);
  limits.bulk_yields = config_.settings.bulk_yields;
  limits.compression.is_enabled = config_.settings.compression;
  limits.compression.level = config_.settings.compression_level;
  limits.unsent_low = config_.settings.unsent_low_bytes;
  limits.flush_interval = config_.settings.flush_interval;
  return options;
}

rt::Task<Result<std::unique_ptr<rt::Stream>>> Server::connect(tunnel::Node node) {
  auto options = options_for(named(node));
  co_return co_await host_.network().connect(node.endpoint, std::move(options));
}

rt::ConnectOptions Server::options_for(const tunnel::Node& node) const {
  rt::ConnectOptions options;
  options.timeout = config_.settings.connect_timeout;
  options.tuning =
      node.is_proxy() ? tuning_of(config_.settings) : destination_tuning(config_.settings);
  if (!node.is_tls()) return options;
  options.tls = relay_tls(config_.settings);
  if (!node.is_proxy()) {  // a server of any kind: its own name, and TLS as it has it
    options.tls->server_name.clear();
    options.tls->version_min = rt::TlsVersion::k1_2;
  }
  if (options.tls->server_name.empty()) options.tls->server_name = node.endpoint.host;
  return options;
}

}  // namespace sluice::relay
