#include "keeper/route.h"

#include <utility>

#include "hop/line_dial.h"

namespace sluice::keeper {
namespace {

using Stream = Result<std::unique_ptr<rt::Stream>>;

struct Way {
  tunnel::Route relays;
  rt::TlsFiles tls;  // towards the first relay
};

// The relays have to connect too, before the destination answers.
constexpr rt::Duration kConnectTimeout = std::chrono::seconds(10);

rt::Task<Stream> dial(rt::Host& host, Way way, base::Endpoint to, rt::ConnectOptions how) {
  auto inner_tls = std::exchange(how.tls, std::move(way.tls));
  if (inner_tls && inner_tls->server_name.empty()) inner_tls->server_name = to.host;
  way.relays.push_back({tunnel::Node{tunnel::Scheme::kTcp, std::move(to)}});
  const auto timeout = how.timeout;
  hop::LineDialOptions options;
  options.connect = std::move(how);
  CO_TRY(auto stream, co_await hop::dial_by_line(host, std::move(way.relays), std::move(options)));
  if (!inner_tls) co_return stream;
  auto& network = host.network();
  auto files = *std::move(inner_tls);
  co_return co_await network.start_tls(std::move(stream), std::move(files), timeout);
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

redis::Dial dial_of(rt::Host& host, const ShardConfig& shard) {
  if (shard.route.empty()) return {};
  Way way;
  way.relays = *relays_of(shard);
  way.tls = {.cert = shard.route_tls_cert,
             .key = shard.route_tls_key,
             .ca = shard.route_tls_ca,
             .server_name = shard.route_tls_server_name,
             .verify_peer = true,
             .version_min = rt::TlsVersion::k1_3};
  return [&host, way](base::Endpoint to, rt::ConnectOptions how) {
    how.timeout = std::max<rt::Duration>(how.timeout, kConnectTimeout);
    return dial(host, way, std::move(to), std::move(how));
  };
}

}  // namespace sluice::keeper
