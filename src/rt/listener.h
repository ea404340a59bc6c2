// Listening on TCP: accepts connections and, with TLS, makes their handshakes beside each other.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "rt/address.h"
#include "rt/event.h"
#include "rt/network.h"
#include "rt/tls.h"
#include "rt/tls_contexts.h"

namespace sluice::rt {

// What the listeners of a core share, and outlives them.
struct Listening {
  Loop& loop;
  Clock& clock;
  TlsContexts& contexts;
  std::function<void(const NetworkEvent&)> report;
  std::function<void(std::string_view)> lacks_congestion_control;  // by its name
};

class TcpListener : public Listener {
 public:
  static Result<std::unique_ptr<Listener>> open(Listening& listening, const base::Endpoint& at,
                                                ListenOptions options);

  TcpListener(Listening& listening, UniqueFd fd, std::optional<TlsFiles> tls);
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
