// `sluice relay check ROUTE`: walks a route hop by hop, says where it fails and how long each takes.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "rt/host.h"
#include "tunnel/route.h"

namespace sluice::relay {

struct CheckSettings {
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca;
  std::string tls_server_name;
  std::chrono::milliseconds timeout = std::chrono::seconds(5);
  bool json = false;
};

struct CheckRequest {
  bool wants_help = false;
  CheckSettings settings;
  tunnel::Route route;
};

// kRejected says what is wrong with the words.
Result<CheckRequest> read_check(std::span<const std::string> arguments);
std::string check_help();

// What came of one node. Times are those of the whole way up to it.
struct NodeReport {
  std::size_t hop = 0;  // 1 for the first
  tunnel::Node node;
  std::string why;  // it failed; empty if it did not
  std::string note;
  rt::Duration connected{0};        // until the first answer
  std::optional<rt::Duration> rtt;  // of a second question on the same connection

  bool is_ok() const { return why.empty(); }
};

struct RouteReport {
  std::size_t hops = 0;
  std::vector<NodeReport> nodes;

  // At least one node of each hop can be reached.
  bool is_ok() const;
  std::size_t hop_failed() const;  // 0: none
};

std::string to_text(const RouteReport& report);
std::string to_json(const RouteReport& report);

// Each hop is reached through the first node of every hop before that answers. Relays are asked by
// PING, the destination by Redis' PING. All outlive the task.
rt::Task<void> check_route(rt::Host& host, const CheckRequest& request, RouteReport& report);

}  // namespace sluice::relay
