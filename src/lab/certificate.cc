#include "lab/certificate.h"

#include <utility>

namespace sluice::lab {
namespace {

std::vector<std::string> request(const std::string& name, const std::string& key,
                                 const std::string& cert) {
  return {"openssl",
          "req",
          "-x509",
          "-newkey",
          "ec",
          "-pkeyopt",
          "ec_paramgen_curve:prime256v1",
          "-nodes",
          "-days",
          "30",
          "-subj",
          "/CN=" + name,
          "-keyout",
          key,
          "-out",
          cert};
}

}  // namespace

rt::Task<Result<Certificate>> make_certificate(World& world) {
  CO_TRY_VOID(world.folder().directory().folder("certificates"));
  const auto folder = world.folder().path() + "/certificates/";
  const Certificate made{folder + "ca.crt", folder + "relay.crt", folder + "relay.key"};
  const auto authority_key = folder + "ca.key";
  auto authority = request("authority of the lab", authority_key, made.ca);
  CO_TRY_VOID(co_await world.run(std::move(authority)));
  auto relay = request(kRelayName, made.key, made.cert);
  relay.insert(relay.end(), {"-addext", std::string("subjectAltName=DNS:") + kRelayName, "-CA",
                             made.ca, "-CAkey", authority_key});
  CO_TRY_VOID(co_await world.run(std::move(relay)));
  co_return made;
}

}  // namespace sluice::lab
