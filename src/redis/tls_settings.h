// The settings of TLS towards servers, for roles that are their clients.
#pragma once

#include <string>
#include <tuple>

#include "base/config.h"
#include "rt/network.h"

namespace sluice::redis {

// A role's settings derive from it, and its table contains kTlsFields of that role.
struct TlsSettings {
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  bool tls_verify = true;
};

// kRejected: what does not fit together.
Result<> check(const TlsSettings& settings);

// For rediss:// URLs; the name that is verified is the URL's host.
rt::TlsFiles tls_files(const TlsSettings& settings);

// `Struct` derives from TlsSettings.
template <typename Struct>
inline constexpr std::tuple kTlsFields{
    base::Field<Struct, std::string>{
        .name = "tls_ca",
        .member = &Struct::tls_ca,
        .doc = "For rediss:// URLs: PEM file of the authorities that certificates must come from; "
               "the system's if absent.",
    },
    base::Field<Struct, std::string>{
        .name = "tls_cert",
        .member = &Struct::tls_cert,
        .doc = "PEM file of the certificate that is shown to servers.",
    },
    base::Field<Struct, std::string>{
        .name = "tls_key",
        .member = &Struct::tls_key,
        .doc = "PEM file of that certificate's key.",
    },
    base::Field<Struct, bool>{
        .name = "tls_verify",
        .member = &Struct::tls_verify,
        .doc = "Whether certificates of servers and their names are verified.",
    },
};

}  // namespace sluice::redis
