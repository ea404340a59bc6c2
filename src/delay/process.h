// The prober as a process: its shards, their metrics, its reports.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "delay/prober.h"
#include "hop/tunnels.h"
#include "http/server.h"

namespace sluice::delay {

// Where reports go. A screen is written over, any other place is added to.
struct Output {
  std::function<void(const std::string& text)> write;
  bool is_screen = false;
};

// Made, run and stopped on one core.
class Process {
 public:
  // `host` and `config` outlive it.
  Process(rt::Host& host, const Config& config, Output output, base::Log log);

  Result<> open();
  const std::string& metrics_address() const { return metrics_address_; }

  rt::Task<void> run();  // until stop(), or for as long as the configuration says
  void stop();

  bool is_well() const { return delay::is_well(reports()); }

 private:
  std::vector<ShardReport> reports() const;
  rt::Task<void> report_loop();
  rt::Task<void> end_in_time();
  void print(bool is_last);
  http::Response health() const;

  rt::Host& host_;
  const Config& config_;
  Output output_;
  base::Log log_;
  base::Metrics metrics_;
  hop::Tunnels tunnels_;
  std::vector<std::unique_ptr<Prober>> probers_;
  std::unique_ptr<http::Server> http_;
  std::string metrics_address_;
  std::size_t lines_on_screen_ = 0;
  rt::Gate gate_;
};

}  // namespace sluice::delay
