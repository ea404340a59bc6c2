// What the parts of a relay's server keep of each connection.
#pragma once

#include <memory>
#include <string>

#include "relay/server.h"

namespace sluice::relay {

struct Server::Client {
  std::unique_ptr<rt::Stream> stream;
  hop::TunnelStream* tunnel = nullptr;  // `stream`, if the peer speaks Sluice: it awaits an answer
  std::string peer;
  ClientFacts facts;
  tunnel::LineReader reader;
  std::string unread;  // behind the last line
  std::int64_t line_received_ms = 0;
  bool has_asked = false;  // at least one PING or MONITOR was answered
};

struct Server::Tunnel {
  rt::Stream* front;
  rt::Stream* back;
  const Pump* pump;
  const hop::TunnelStream* front_tunnel;  // null: raw
  const hop::TunnelStream* back_tunnel;
  const ClientFacts* facts;
  Destination to;
  std::string destination;
  std::string label;  // of its next node in metrics
  std::int64_t line_received_ms;
  std::int64_t established_ms;

  // At the last sample.
  std::uint64_t out_bytes = 0;
  std::uint64_t home_bytes = 0;
  std::uint64_t out_bytes_s = 0;
  std::uint64_t home_bytes_s = 0;
  std::uint64_t retransmits = 0;
  tunnel::SessionStats front_stats{};
  tunnel::SessionStats back_stats{};
};

}  // namespace sluice::relay
