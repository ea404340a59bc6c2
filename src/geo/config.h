// Everything the link between regions can be told. Read once at start, then passed down by const&.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_size.h"
#include "base/config.h"
#include "base/log_level.h"
#include "geo/courier.h"
#include "hop/route_settings.h"
#include "redis/tls_settings.h"

namespace sluice::geo {

using Milliseconds = std::chrono::milliseconds;

struct Settings : hop::RouteSettings, redis::TlsSettings {
  std::vector<std::string> from;  // "[NAME=]redis://host:port"
  std::vector<std::string> to;    // "redis://host:port"
  std::optional<base::Endpoint> metrics;
  Milliseconds gossip_wait{200};
  Milliseconds retry_wait = std::chrono::seconds(1);
  Milliseconds lack_patience = std::chrono::seconds(30);
  Milliseconds position_interval = std::chrono::seconds(1);
  Milliseconds answer_timeout = std::chrono::seconds(30);
  Milliseconds source_timeout = std::chrono::seconds(60);
  base::ByteSize queue_bytes{std::uint64_t{64} << 20U};
  base::ByteSize in_flight_bytes{std::uint64_t{8} << 20U};
  base::LogLevel log_level = base::LogLevel::kInfo;
  bool log_json = false;
};

struct Source {
  std::string name;
  base::RedisUrl url;
};

// The name is host:port if none is given. kRejected without repeating the text, which may hold a
// password.
Result<Source> parse_source(std::string_view text);

Courier::Limits courier_limits(const Settings& settings);

}  // namespace sluice::geo
