// One shard's probes: published on the master, awaited at every node that the stream passes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "delay/alert.h"
#include "delay/config.h"
#include "delay/metrics.h"
#include "delay/node_poll.h"
#include "delay/probe_book.h"
#include "delay/report.h"
#include "delay/subscription.h"

namespace sluice::delay {

// Lives on one core.
class Prober {
 public:
  struct Options {
    rt::Duration interval = std::chrono::milliseconds(100);
    AlertBounds alert;
    redis::ClientOptions master;   // how the master is connected to
    redis::ClientOptions watched;  // and the others
  };

  // kRejected if a watched node is misspelt.
  static Result<std::unique_ptr<Prober>> make(rt::Host& host, const ShardSettings& shard,
                                              const Options& options, base::Metrics& metrics,
                                              const base::Log& log);

  ~Prober();

  rt::Task<void> run();
  void stop();

  ShardReport report() const;

 private:
  struct Node;
  // A publication under way holds the client that it was made on beside the prober, which goes over
  // to another one after a failure.
  using Writer = std::shared_ptr<redis::Client>;

  Prober(rt::Host& host, ShardSettings shard, const Options& options, base::Metrics& metrics,
         base::Log log);

  void add_node(Target target, base::Metrics& metrics);
  rt::Task<void> publish_loop();
  rt::Task<void> publish(Writer writer, std::uint64_t number);
  rt::Task<void> connect_writer();
  rt::Task<Result<Writer>> open_writer();
  rt::Task<void> await_subscriptions();
  rt::Task<void> watch_loop();
  void arrive(std::size_t node, std::string_view message, rt::Instant at);
  void judge(std::size_t node, rt::Instant now);
  NodeReport look_at(std::size_t node, rt::Instant now) const;  // without its quantiles
  Forecast forecast_of(std::size_t node) const;
  std::uint64_t lag_of(std::size_t node) const;

  rt::Host& host_;
  const ShardSettings shard_;
  const Options options_;
  const base::Log log_;
  const std::string channel_;
  ShardMetrics metrics_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::optional<ProbeBook> book_;  // once all nodes are added
  NodePoll master_;
  Writer writer_;
  bool is_connecting_ = false;
  std::string write_failure_ = "not connected yet";
  RoundTrip write_round_trip_;
  base::DurationHistogram writes_;  // round trips of PUBLISH
  std::size_t writing_ = 0;
  rt::Gate gate_;
};

}  // namespace sluice::delay
