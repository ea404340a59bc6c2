// The keeper as a process: its shards, spread over the cores, its metrics and its end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "http/server.h"
#include "keeper/config.h"
#include "keeper/shard.h"
#include "rt/gate.h"
#include "rt/host.h"

namespace sluice::keeper {

struct ProcessOptions {
  Config config;
  std::string config_file;  // empty: CONFIG REWRITE has nothing to write to
  std::string version;
};

// Made, run and stopped on core 0 of `hosts`. The number of threads does not depend on the number
// of shards: shard i lives on host i modulo the number of hosts.
class Process {
 public:
  Process(std::vector<rt::Host*> hosts, ProcessOptions options, base::Log log);
  ~Process();

  // Opens all shards and the metrics port; blocks, before the loops run. The detail names the shard.
  Result<> open();

  // One line per shard: what it follows, where it listens.
  std::vector<std::string> addresses() const;

  // Runs until stop(), then until every shard has made durable what it received.
  rt::Task<void> run();

  // From any task of core 0.
  void stop();

 private:
  rt::Task<Result<>> rewrite(std::size_t shard, ShardConfig changed);
  Result<> write_config() const;
  ProcessStatus status() const;
  std::string health() const;

  std::vector<rt::Host*> hosts_;
  ProcessOptions options_;
  base::Log log_;
  base::Metrics metrics_;
  rt::Instant started_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<http::Server> http_;
  std::string metrics_address_;
  rt::Gate gate_;
  bool is_stopping_ = false;
};

}  // namespace sluice::keeper
