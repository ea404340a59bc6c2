#include "redis/tls_settings.h"

namespace sluice::redis {

Result<> check(const TlsSettings& settings) {
  if (settings.tls_cert.empty() == settings.tls_key.empty()) return {};
  return fail(Errc::kRejected, "tls_cert and tls_key go together");
}

rt::TlsFiles tls_files(const TlsSettings& settings) {
  return {.cert = settings.tls_cert,
          .key = settings.tls_key,
          .ca = settings.tls_ca,
          .server_name = {},
          .verify_peer = settings.tls_verify};
}

}  // namespace sluice::redis
