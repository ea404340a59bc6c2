#include "hop/route_settings.h"

#include "hop/through_relays.h"

namespace sluice::hop {

Result<> check(const RouteSettings& settings, const std::string& what) {
  const auto relays = relays_of(settings.route, what);
  if (!relays) return fail(Errc::kRejected, "route: " + relays.error().detail);
  if (settings.route_tls_cert.empty() != settings.route_tls_key.empty()) {
    return fail(Errc::kRejected, "route_tls_cert and route_tls_key go together");
  }
  const bool has_tls = !settings.route_tls_ca.empty() || !settings.route_tls_cert.empty() ||
                       !settings.route_tls_server_name.empty();
  if (has_tls && (relays->empty() || !relays->front().front().is_tls())) {
    return fail(Errc::kRejected,
                "route_tls_ settings need a route whose first relay is PROXYTLS://");
  }
  return {};
}

}  // namespace sluice::hop
