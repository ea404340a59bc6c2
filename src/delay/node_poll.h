// Asks a node once a second how far it is.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "delay/node_facts.h"
#include "redis/client.h"
#include "rt/gate.h"

namespace sluice::delay {

// On a connection of its own, so that no probe waits behind an answer.
class NodePoll {
 public:
  struct Options {
    base::RedisUrl url;
    redis::ClientOptions client;
    rt::Duration interval = std::chrono::seconds(1);
  };

  NodePoll(rt::Host& host, Options options);

  rt::Task<void> run();
  void stop();

  // The last answer; nothing while the node does not answer.
  const std::optional<NodeFacts>& facts() const { return facts_; }
  double bytes_per_second() const { return speed_.bytes_per_second(); }

 private:
  rt::Task<Result<>> follow();
  rt::Task<Result<NodeFacts>> ask();

  rt::Host& host_;
  const Options options_;
  rt::Gate gate_;
  std::unique_ptr<redis::Client> client_;  // replaced by run() alone, when no call is on it
  std::optional<KeeperRetention> retention_;
  std::optional<NodeFacts> facts_;
  Speed speed_;
};

}  // namespace sluice::delay
