#include "keeper/route.h"

#include <utility>

#include "hop/ocean_tuning.h"

namespace sluice::keeper {
namespace {

using Stream = Result<std::unique_ptr<rt::Stream>>;

// The relays have to connect too, before the destination answers.
constexpr rt::Duration kInnerTlsTimeout = std::chrono::seconds(10);

rt::Task<Stream> dial(rt::Host& host, hop::Tunnels& tunnels, tunnel::Route relays,
                      base::Endpoint to, rt::ConnectOptions how) {
  auto inner_tls = std::move(how.tls);
  if (inner_tls && inner_tls->server_name.empty()) inner_tls->server_name = to.host;
  relays.push_back({tunnel::Node{tunnel::Scheme::kTcp, std::move(to)}});
  hop::DialRequest request;
  request.line.route = std::move(relays);
  CO_TRY(auto dialled, co_await tunnels.dial(std::move(request)));
  if (!inner_tls) co_return std::move(dialled.stream);
  auto& network = host.network();
  auto files = *std::move(inner_tls);
  co_return co_await network.start_tls(std::move(dialled.stream), std::move(files),
                                       kInnerTlsTimeout);
}

}  // namespace

Result<tunnel::Route> relays_of(const ShardConfig& shard) {
  if (shard.route.empty()) return tunnel::Route{};
  TRY(auto route, tunnel::parse_route(shard.route));
  for (const auto& hop : route) {
    if (hop.front().is_proxy()) continue;
    return fail(Errc::kRejected,
                to_string(hop.front()) + " is no relay: the upstream is appended by itself");
  }
  return route;
}

redis::Dial dial_of(rt::Host& host, hop::Tunnels& tunnels, const ShardConfig& shard) {
  if (shard.route.empty()) return {};
  return [&host, &tunnels, relays = *relays_of(shard)](base::Endpoint to, rt::ConnectOptions how) {
    return dial(host, tunnels, relays, std::move(to), std::move(how));
  };
}

hop::Options transport_options(const ShardConfig& shard) {
  hop::Options options;
  options.to_relay.tls = rt::TlsFiles{.cert = shard.route_tls_cert,
                                      .key = shard.route_tls_key,
                                      .ca = shard.route_tls_ca,
                                      .server_name = shard.route_tls_server_name,
                                      .verify_peer = true,
                                      .version_min = rt::TlsVersion::k1_3};
  options.to_relay.tuning = hop::ocean_tuning();
  return options;
}

}  // namespace sluice::keeper
