// The relay as a process: its server, its metrics and its end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "http/server.h"
#include "relay/server.h"
#include "rt/gate.h"

namespace sluice::relay {

// Made, run and stopped on one core.
class Process {
 public:
  // `host` and `config` outlive it.
  Process(rt::Host& host, const Config& config, base::Log log);

  // Descriptors that so many tunnels need.
  static std::uint64_t descriptors_for(const Settings& settings);

  Result<> open();
  std::vector<std::string> addresses() const;

  rt::Task<void> run();
  // Takes the allow-lists of `config`, which has passed check(): tunnels that it does not allow any more
  // end. What else it changes needs a restart, and is named in the log.
  void reload(const Config& config);
  void reload_refused() { reloads_refused_.add(); }

  void stop() { server_.drain(); }  // the second call does not wait for tunnels

 private:
  http::Response health() const;
  rt::Task<void> give_back_loop();

  rt::Host& host_;
  const Config& config_;
  base::Log log_;
  base::Metrics metrics_;
  base::Counter reloads_taken_;
  base::Counter reloads_refused_;
  Server server_;
  std::unique_ptr<http::Server> http_;
  std::string metrics_address_;
  rt::Gate gate_;
};

}  // namespace sluice::relay
