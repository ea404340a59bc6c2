// Connecting: resolves a name, tries its addresses in turn, makes the TLS handshake.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rt/address.h"
#include "rt/network.h"
#include "rt/tls_contexts.h"

namespace sluice::rt {

// What the attempts of a core share, and outlives them.
struct Dialing {
  Loop& loop;
  Clock& clock;
  TlsContexts& contexts;
  std::function<void(std::string_view)> lacks_congestion_control;  // by its name
};

// One attempt. Lives until run() has returned.
class Connector {
 public:
  Connector(Dialing& dialing, base::Endpoint to, ConnectOptions options);

  Task<Result<std::unique_ptr<Stream>>> run();
  Task<Result<std::vector<Address>>> resolve();

 private:
  struct Resolution;

  Task<Result<UniqueFd>> connect_any(const std::vector<Address>& addresses);
  Task<Result<UniqueFd>> connect_one(Address address);
  Result<UniqueFd> socket_for(const Address& address) const;
  Task<Result<std::unique_ptr<Stream>>> start_tls(UniqueFd fd);
  tl::unexpected<Error> timed_out(const std::string& where) const;

  Dialing& dialing_;
  Loop& loop_;
  Clock& clock_;
  base::Endpoint to_;
  ConnectOptions options_;
  Instant deadline_;
};

}  // namespace sluice::rt
