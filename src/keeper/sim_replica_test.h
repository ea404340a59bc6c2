// A replica of a simulated world: follows the keeper as a stock one does and trusts nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/endpoint.h"
#include "keeper/sim_truth_test.h"
#include "rt/gate.h"
#include "sim/machine.h"

namespace sluice::keeper {

// A connection of which lines and counted bytes are read.
class Wire {
 public:
  Wire(rt::Host& host, std::unique_ptr<rt::Stream> stream)
      : host_(host), stream_(std::move(stream)), last_heard_(host.clock().now()) {}

  rt::Task<Result<>> say(std::string_view wire);
  rt::Task<Result<std::string>> line();  // skips empty ones
  rt::Task<Result<std::string>> some(std::size_t bytes_max);
  void close() { stream_->close(); }
  rt::Instant last_heard() const { return last_heard_; }

 private:
  rt::Task<Result<>> read_more();

  rt::Host& host_;
  std::unique_ptr<rt::Stream> stream_;
  std::string unread_;
  rt::Instant last_heard_;
};

// Sends one command to a keeper and returns its answer's first line.
rt::Task<Result<std::string>> ask_keeper(rt::Host& host, base::Endpoint keeper, std::string wire);

class ModelReplica {
 public:
  // `expects_partial` tells whether one that holds a position must be continued from it.
  ModelReplica(sim::Machine& machine, Truth& truth, base::Endpoint upstream, bool expects_partial);

  void stop();
  // Comes back with what it had saved some time ago, or with nothing.
  void restart(bool has_saved);
  const std::string& name() const { return host_.machine().name(); }
  const std::string& upstream() const { return upstream_.host; }
  bool is_done() const { return gate_.running() == 0; }
  void come_back_fast() { pause_max_ = std::chrono::milliseconds(200); }

  // What it would ask for: the last end of a transaction that it holds.
  std::optional<repl::Position> position() const;
  std::optional<repl::Position> received() const { return at_; }
  std::uint64_t full_resyncs() const { return full_resyncs_; }
  std::uint64_t partial_resyncs() const { return partial_resyncs_; }

 private:
  enum class Phase : std::uint8_t { kAsking, kLoading, kStreaming };

  rt::Task<void> run();
  rt::Task<Result<>> follow();
  rt::Task<Result<>> load(Wire& wire, repl::Position at);
  rt::Task<Result<>> adopt(Wire& wire, std::string answer);
  rt::Task<Result<>> shake_hands(Wire& wire);
  rt::Task<Result<>> stream(Wire& wire);
  rt::Task<void> acknowledge_loop(Wire& wire, rt::Gate& gate);

  sim::Host& host_;
  sim::Random& random_;
  Truth& truth_;
  base::Endpoint upstream_;
  bool expects_partial_;
  rt::Duration pause_max_ = std::chrono::seconds(3);
  Phase phase_ = Phase::kAsking;
  std::optional<repl::Position> at_;
  std::optional<repl::Position> saved_;
  Wire* wire_ = nullptr;  // while it follows
  bool is_restarting_ = false;
  std::uint64_t full_resyncs_ = 0;
  std::uint64_t partial_resyncs_ = 0;
  rt::Gate gate_;
};

}  // namespace sluice::keeper
