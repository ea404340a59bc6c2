// A small HTTP server for /metrics, /health and the like, on one core.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "http/conversation.h"
#include "rt/gate.h"
#include "rt/host.h"

namespace sluice::http {

struct ServerLimits {
  RequestLimits request;
  std::size_t connections_max = 64;
  // For a request to arrive whole and its answer to be taken, and between two requests.
  rt::Duration exchange_time_max = std::chrono::seconds(30);
};

// Routes are registered before listen(). Stopped before it is destroyed.
class Server {
 public:
  // `host` outlives this.
  Server(rt::Host& host, base::Log log, ServerLimits limits = {})
      : host_(host), log_(std::move(log)), limits_(limits), gate_(host) {}

  void get(std::string path, Handler handler);

  // Where it listens, with the port that was chosen if 0 was asked for.
  Result<base::Endpoint> listen(const base::Endpoint& at,
                                const std::optional<rt::TlsFiles>& tls = std::nullopt);

  std::size_t connections() const { return open_.size(); }

  rt::Task<void> stop();

 private:
  rt::Task<void> accept_all();
  rt::Task<void> serve(std::unique_ptr<rt::Stream> stream);
  rt::Task<Result<>> converse(rt::Stream& stream);

  rt::Host& host_;
  base::Log log_;
  ServerLimits limits_;
  Routes routes_;
  std::unique_ptr<rt::Listener> listener_;
  std::set<rt::Stream*> open_;  // owned by their serve()
  rt::Gate gate_;
};

// Prometheus's exposition of `metrics`, which outlives the handler.
Handler exposition(const base::Metrics& metrics);

}  // namespace sluice::http
