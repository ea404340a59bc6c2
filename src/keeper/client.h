// One accepted connection: reads requests, answers them in order, and becomes a replica's on PSYNC.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "keeper/downstream.h"
#include "keeper/session.h"
#include "resp/command_reader.h"
#include "rt/gate.h"
#include "rt/host.h"

namespace sluice::keeper {

class Client;

// Who carries out what a request asks for beyond an answer: the shard.
class Actor {
 public:
  virtual ~Actor() = default;
  virtual rt::Task<Result<Done>> carry_out(Action action, Client& from) = 0;
  virtual Moment moment() const = 0;
  virtual void count_requests(std::uint64_t requests, std::uint64_t bytes_in) = 0;
  // A client has subscribed, and is not told so before this returns.
  virtual void begin_messages() = 0;
};

struct ClientLimits {
  std::size_t output_bytes = 8 << 20;  // of answers and messages the client does not take
};

class Client {
 public:
  Client(rt::Host& host, const View& view, Actor& actor, Peer peer,
         std::unique_ptr<rt::Stream> stream, ClientLimits limits);

  // Until the connection ends, by either side.
  rt::Task<void> run();

  void close(Errc why = Errc::kCancelled);

  // Turns the connection into a replica's: from here on only `downstream` writes to it.
  void serve_replica(DownstreamShared& shared, DownstreamOptions options, ReplicaRequest request);

  // Sends a published message, if this client subscribed to its channel. True if it did.
  bool deliver(std::string_view channel, std::string_view message);

  std::uint64_t id() const { return id_; }
  const Session& session() const { return session_; }
  ClientFacts facts() const;
  const Downstream* downstream() const { return downstream_.get(); }
  const std::string& address() const { return address_; }
  rt::Instant last_heard() const { return last_heard_; }
  std::optional<std::string> failure() const { return failure_; }

 private:
  rt::Task<Result<>> answer_requests();
  rt::Task<Result<>> answer(const Outcome& outcome);
  rt::Task<Result<>> flush();
  rt::Task<void> flush_message();
  rt::Task<void> run_downstream(ReplicaRequest request);

  rt::Host& host_;
  Actor& actor_;
  std::uint64_t id_;
  std::string address_;
  std::unique_ptr<rt::Stream> stream_;
  ClientLimits limits_;
  Session session_;
  resp::CommandReader reader_;
  rt::Gate gate_;
  rt::Event flushed_;
  std::string input_;
  std::string output_;
  bool is_flushing_ = false;
  std::unique_ptr<Downstream> downstream_;
  rt::Instant last_heard_;
  std::optional<std::string> failure_;
};

}  // namespace sluice::keeper
