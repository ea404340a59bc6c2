// Connecting and listening: TCP, with or without TLS.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/endpoint.h"
#include "rt/clock.h"
#include "rt/stream.h"

namespace sluice::rt {

// PEM files. As a client: `ca` verifies the server (the system's store if empty), `cert` and `key`
// are presented if set. As a server: `cert` and `key` are needed; a set `ca` demands a client
// certificate signed by it.
struct TlsFiles {
  std::string cert;
  std::string key;
  std::string ca;
  std::string server_name;  // client: name to verify and to send as SNI; the host if empty
  bool verify_peer = true;  // client only
};

struct ConnectOptions {
  Duration timeout = std::chrono::seconds(5);  // for resolving, connecting and the TLS handshake
  std::optional<TlsFiles> tls;
};

class Listener {
 public:
  virtual ~Listener() = default;

  // kCancelled once closed. A failed TLS handshake or a passing shortage of descriptors is not an
  // error of the listener: it is counted, logged, and the next connection is awaited. TLS
  // handshakes do not hold up other connections.
  virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  virtual void close() = 0;
  virtual base::Endpoint local() const = 0;  // with the port that was chosen, if 0 was asked for
};

class Network {
 public:
  virtual ~Network() = default;

  // kDisconnected (refused, unreachable, unknown host, TLS refused: the detail says which) or
  // kTimedOut.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(base::Endpoint to,
                                                        ConnectOptions options) = 0;

  // kRejected with the reason if the address cannot be bound or a certificate not be read.
  virtual Result<std::unique_ptr<Listener>> listen(const base::Endpoint& at,
                                                   const std::optional<TlsFiles>& tls) = 0;
};

}  // namespace sluice::rt
