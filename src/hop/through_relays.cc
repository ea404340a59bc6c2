#include "hop/through_relays.h"

#include <chrono>
#include <utility>

namespace sluice::hop {
namespace {

using Stream = Result<std::unique_ptr<rt::Stream>>;

// The relays have to connect too, before the destination answers.
constexpr rt::Duration kInnerTlsTimeout = std::chrono::seconds(10);

// Little waits in the kernel, where nothing can be sent another way; a healed cut flows at once.
rt::SocketTuning ocean_tuning() {
  rt::SocketTuning tuning;
  tuning.congestion_control = "bbr";
  tuning.unsent_low_bytes = 64 * 1024;
  tuning.user_timeout = std::chrono::seconds(100);  // over tunnel::Limits::cut_max
  tuning.retransmit_pause_max = std::chrono::seconds(1);
  return tuning;
}

rt::Task<Stream> dial(rt::Host& host, Tunnels& tunnels, tunnel::Route relays, base::Endpoint to,
                      rt::ConnectOptions how) {
  auto inner_tls = std::move(how.tls);
  if (inner_tls && inner_tls->server_name.empty()) inner_tls->server_name = to.host;
  relays.push_back({tunnel::Node{tunnel::Scheme::kTcp, std::move(to)}});
  DialRequest request;
  request.line.route = std::move(relays);
  CO_TRY(auto dialled, co_await tunnels.dial(std::move(request)));
  if (!inner_tls) co_return std::move(dialled.stream);
  auto& network = host.network();
  auto files = *std::move(inner_tls);
  co_return co_await network.start_tls(std::move(dialled.stream), std::move(files),
                                       kInnerTlsTimeout);
}

}  // namespace

Options route_options(const RouteSettings& settings) {
  Options options;
  options.to_relay.tls = rt::TlsFiles{.cert = settings.route_tls_cert,
                                      .key = settings.route_tls_key,
                                      .ca = settings.route_tls_ca,
                                      .server_name = settings.route_tls_server_name,
                                      .verify_peer = true,
                                      .version_min = rt::TlsVersion::k1_3};
  options.to_relay.tuning = ocean_tuning();
  return options;
}

Result<tunnel::Route> relays_of(const std::string& text, const std::string& what) {
  if (text.empty()) return tunnel::Route{};
  TRY(auto route, tunnel::parse_route(text));
  for (const auto& hop : route) {
    if (hop.front().is_proxy()) continue;
    return fail(Errc::kRejected,
                to_string(hop.front()) + " is no relay: " + what + " is appended by itself");
  }
  return route;
}

DialThrough through_relays(rt::Host& host, Tunnels& tunnels, tunnel::Route relays) {
  if (relays.empty()) return {};
  return [&host, &tunnels, relays = std::move(relays)](base::Endpoint to, rt::ConnectOptions how) {
    return dial(host, tunnels, relays, std::move(to), std::move(how));
  };
}

}  // namespace sluice::hop
