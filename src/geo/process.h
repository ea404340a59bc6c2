// The link as a process: one reader per peer, their metrics, their health.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "geo/config.h"
#include "geo/link.h"
#include "geo/master_watch.h"
#include "hop/tunnels.h"
#include "http/server.h"

namespace sluice::geo {

// Made, run and stopped on one core.
class Process {
 public:
  // `host` and `settings` outlive it.
  Process(rt::Host& host, const Settings& settings, base::Log log);

  Result<> open();
  const std::string& metrics_address() const { return metrics_address_; }

  rt::Task<void> run();  // until stop()
  void stop();

 private:
  Result<Link::Options> options_of(const std::string& source);
  Result<std::vector<base::RedisUrl>> masters() const;
  http::Response health() const;

  rt::Host& host_;
  const Settings& settings_;
  base::Log log_;
  base::Metrics metrics_;
  hop::Tunnels tunnels_;
  std::vector<std::unique_ptr<Link>> links_;
  std::unique_ptr<MasterWatch> watch_;  // if there are metrics
  std::unique_ptr<http::Server> http_;
  std::string metrics_address_;
  rt::Gate gate_;
};

}  // namespace sluice::geo
