// A node as the prober listens to it: one connection that subscribes, and whose round trip is known.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/url.h"
#include "delay/round_trip.h"
#include "redis/client.h"
#include "resp/reply.h"
#include "rt/gate.h"
#include "rt/host.h"

namespace sluice::delay {

// Connects again and again. What is published while it is not connected is lost to it.
class Subscription {
 public:
  struct Options {
    base::RedisUrl url;
    redis::ClientOptions client;
    std::string channel;
    rt::Duration ping_interval = std::chrono::milliseconds(500);
    rt::Duration silence_max = std::chrono::seconds(5);  // without a pong: connects anew
    rt::Duration retry_pause = std::chrono::milliseconds(500);
  };
  // Called with each message as it arrives.
  using OnMessage = std::function<void(std::string_view message, rt::Instant at)>;

  Subscription(rt::Host& host, Options options, OnMessage on_message);

  rt::Task<void> run();
  void stop();

  bool is_subscribed() const { return is_subscribed_; }
  const RoundTrip& round_trip() const { return round_trip_; }
  const std::string& failure() const { return failure_; }  // the last one; empty while subscribed

 private:
  rt::Task<Result<>> listen();
  rt::Task<Result<std::unique_ptr<rt::Stream>>> connect();
  rt::Task<Result<>> read(rt::Stream& stream);
  rt::Task<void> ping(rt::Stream& stream, rt::Gate& pings);
  Result<> take(const resp::Reply& reply, rt::Instant at);

  rt::Host& host_;
  const Options options_;
  OnMessage on_message_;
  RoundTrip round_trip_;
  rt::Gate gate_;
  rt::Stream* stream_ = nullptr;  // while connected; owned by listen()
  rt::Instant last_heard_;
  bool is_subscribed_ = false;
  std::string failure_ = "not connected yet";
};

}  // namespace sluice::delay
