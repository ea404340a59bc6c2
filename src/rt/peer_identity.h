// Who the other end of a stream is, by its verified certificate.
#pragma once

#include <string>
#include <vector>

namespace sluice::rt {

struct PeerIdentity {
  std::string common_name;         // CN of the subject; empty if it has none
  std::vector<std::string> names;  // DNS names and IP addresses of subjectAltName

  friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

}  // namespace sluice::rt
