#include "delay/route.h"

#include <utility>

#include "hop/ocean_tuning.h"
#include "tunnel/route.h"

namespace sluice::delay {
namespace {

using Stream = Result<std::unique_ptr<rt::Stream>>;

// The relays have to connect too, before the node answers.
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

redis::Dial dial_of(rt::Host& host, hop::Tunnels& tunnels, const Settings& settings) {
  if (settings.route.empty()) return {};
  auto relays = *tunnel::parse_route(settings.route);  // check() has seen that it can be parsed
  return [&host, &tunnels, relays](base::Endpoint to, rt::ConnectOptions how) {
    return dial(host, tunnels, relays, std::move(to), std::move(how));
  };
}

hop::Options transport_options(const Settings& settings) {
  hop::Options options;
  options.to_relay.tls = rt::TlsFiles{.cert = settings.route_tls_cert,
                                      .key = settings.route_tls_key,
                                      .ca = settings.route_tls_ca,
                                      .server_name = settings.route_tls_server_name,
                                      .verify_peer = true,
                                      .version_min = rt::TlsVersion::k1_3};
  options.to_relay.tuning = hop::ocean_tuning();
  return options;
}

}  // namespace sluice::delay
