// Connecting and listening: TCP, with or without TLS.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "rt/clock.h"
#include "rt/socket_tuning.h"
#include "rt/stream.h"

namespace sluice::rt {

enum class TlsVersion : std::uint8_t { k1_2, k1_3 };

// PEM files, read again when they change: later handshakes use the new ones. As a client: `ca` verifies the server (the system's store if empty), `cert` and `key`
// are presented if set. As a server: `cert` and `key` are needed; a set `ca` demands a client
// certificate signed by it.
struct TlsFiles {
  std::string cert;
  std::string key;
  std::string ca;
  std::string server_name;  // client: name to verify and to send as SNI; the host if empty
  bool verify_peer = true;  // client only
  TlsVersion version_min = TlsVersion::k1_2;

  friend auto operator<=>(const TlsFiles&, const TlsFiles&) = default;
};

class NetNamespace;

struct ConnectOptions {
  Duration timeout = std::chrono::seconds(5);  // for resolving, connecting and the TLS handshake
  std::optional<TlsFiles> tls;
  SocketTuning tuning{};
  const NetNamespace* inside =
      nullptr;  // where the socket is made, for numeric addresses; null: here
};

struct ListenOptions {
  std::optional<TlsFiles> tls;
  SocketTuning tuning{};
};

// What happened beside the calls that were made, for logs and counters.
struct NetworkEvent {
  enum class Kind : std::uint8_t {
    kHandshakeFailed,      // of somebody who connected to a listener; who and why
    kCertificatesTaken,    // changed files are in use; which
    kCertificatesRefused,  // changed files are broken, the old ones stay; what is wrong
    kNoCongestionControl,  // once per name: the kernel does not offer it
  };
  Kind kind;
  std::string detail;
};

class Listener {
 public:
  virtual ~Listener() = default;

  // kCancelled once closed. A failed TLS handshake or a passing shortage of descriptors is not an
  // error of the listener: it is reported (Network::watch), and the next connection is awaited. TLS
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

  // Speaks TLS as a client inside `outer`, a tunnel for instance, with the server called
  // `files.server_name`. Failures as of connect().
  virtual Task<Result<std::unique_ptr<Stream>>> start_tls(std::unique_ptr<Stream> outer,
                                                          TlsFiles files, Duration timeout) = 0;

  // The addresses of `name` in numbers, at least one, each with its port. Whoever judges where to
  // connect judges these and connects to one of them, since a name may mean another place next time.
  virtual Task<Result<std::vector<base::Endpoint>>> resolve(base::Endpoint name,
                                                            Duration timeout) = 0;

  // kRejected with the reason if the address cannot be bound or a certificate not be read.
  virtual Result<std::unique_ptr<Listener>> listen(const base::Endpoint& at,
                                                   ListenOptions options) = 0;
  Result<std::unique_ptr<Listener>> listen(const base::Endpoint& at,
                                           const std::optional<TlsFiles>& tls) {
    return listen(at, ListenOptions{.tls = tls});
  }

  // Tells of every event, on this core. One watcher; a later one takes its place.
  virtual void watch(std::function<void(const NetworkEvent&)> watcher) = 0;
};

}  // namespace sluice::rt
