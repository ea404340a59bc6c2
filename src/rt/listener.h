// Listening on TCP: accepts connections and, with TLS, makes their handshakes beside each other.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "rt/address.h"
#include "rt/event.h"
#include "rt/network.h"
#include "rt/tls.h"

namespace sluice::rt {

class TcpListener : public Listener {
 public:
  static Result<std::unique_ptr<Listener>> open(Loop& loop, Clock& clock, const base::Endpoint& at,
                                                const std::optional<TlsFiles>& tls);

  TcpListener(Loop& loop, Clock& clock, UniqueFd fd, std::optional<TlsContext> tls);
  ~TcpListener() override { close(); }

  Task<Result<std::unique_ptr<Stream>>> accept() override;
  void close() override;
  base::Endpoint local() const override { return local_; }

 private:
  struct Shared;

  base::Endpoint local_;
  std::shared_ptr<Shared> shared_;  // with the tasks that make handshakes, which may end later
};

}  // namespace sluice::rt
