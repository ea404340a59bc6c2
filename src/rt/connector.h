// Connecting: resolves a name, tries its addresses in turn, makes the TLS handshake.
#pragma once

#include <memory>
#include <vector>

#include "rt/address.h"
#include "rt/network.h"

namespace sluice::rt {

// One attempt. Lives until run() has returned.
class Connector {
 public:
  Connector(Loop& loop, Clock& clock, base::Endpoint to, ConnectOptions options);

  Task<Result<std::unique_ptr<Stream>>> run();

 private:
  struct Resolution;

  Task<Result<std::vector<Address>>> resolve();
  Task<Result<UniqueFd>> connect_any(const std::vector<Address>& addresses);
  Task<Result<UniqueFd>> connect_one(Address address);
  Task<Result<std::unique_ptr<Stream>>> start_tls(UniqueFd fd);
  tl::unexpected<Error> timed_out(const std::string& where) const;

  Loop& loop_;
  Clock& clock_;
  base::Endpoint to_;
  ConnectOptions options_;
  Instant deadline_;
};

}  // namespace sluice::rt
