// Everything a relay can be told. Read once at start, then passed down by const&.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/log_level.h"
#include "relay/allow_list.h"
#include "rt/network.h"

namespace sluice::relay {

using namespace base::size_literals;

struct Settings {
  std::optional<base::Endpoint> listen;
  std::optional<base::Endpoint> tls_listen;
  std::string tls_cert;
  std::string tls_key;
  std::string tls_ca;
  std::string tls_server_name;
  std::vector<std::string> allow;
  std::optional<base::Endpoint> metrics;
  base::LogLevel log_level = base::LogLevel::kInfo;
  bool log_json = false;
  std::uint32_t tunnels_max = 8'000;
  base::ByteSize buffer_bytes = 128_KiB;
  std::chrono::milliseconds line_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds drain_time = std::chrono::seconds(30);
  std::uint32_t stripes = 4;
  base::ByteSize stripes_from_bytes = 256_KiB;
  base::ByteSize window_bytes = 64_MiB;
  bool bulk_yields = true;
  bool compression = true;
  std::int32_t compression_level = 1;
  std::chrono::milliseconds flush_interval{2};
  std::string congestion_control = "bbr";
  base::ByteSize send_buffer_bytes;
  base::ByteSize receive_buffer_bytes;
  base::ByteSize unsent_low_bytes = 16_KiB;
  std::chrono::milliseconds user_timeout =
      std::chrono::seconds(100);  // over tunnel::Limits::cut_max
  std::chrono::milliseconds retransmit_pause_max = std::chrono::seconds(1);
  std::chrono::milliseconds destination_timeout = std::chrono::seconds(30);
};

// A [[client]] of the file.
struct ClientSettings {
  std::string name;
  std::vector<std::string> certificate;
  std::vector<std::string> from;
  std::vector<std::string> allow;
};

struct Config {
  Settings settings;
  std::vector<ClientSettings> clients;
};

// kRejected names the rule that is none.
Result<AllowList> allow_list_of(const Config& config);

rt::SocketTuning tuning_of(const Settings& settings);
rt::SocketTuning destination_tuning(const Settings& settings);

// Between relays: TLS 1.3, and both sides show a certificate.
rt::TlsFiles relay_tls(const Settings& settings);

}  // namespace sluice::relay
