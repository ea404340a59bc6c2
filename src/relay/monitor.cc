#include "relay/monitor.h"

#include <fmt/format.h>

#include "resp/writer.h"

namespace sluice::relay {
namespace {

constexpr std::int64_t kNotClosed = -1;
constexpr std::string_view kNobody = "0.0.0.0:0";

std::string name_of(const TunnelFacts& tunnel) {
  return fmt::format("{}-{}-{}", tunnel.front_name,
                     tunnel.back.address.empty() ? kNobody : std::string_view(tunnel.back.address),
                     tunnel.destination);
}

void append_number(std::string& out, std::uint64_t number) {
  resp::append_integer(out, static_cast<std::int64_t>(number));
}

double milliseconds(rt::Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// Two lines in the manner of ss(8), whose text the field's relays pass on.
void append_socket(std::string& out, const EndFacts& end, std::int64_t now_ms) {
  resp::append_array(out, 3);
  resp::append_integer(out, now_ms);
  if (!end.tcp) {
    resp::append_simple(out, "NONE");
    resp::append_simple(out, "");
    return;
  }
  const auto& tcp = *end.tcp;
  resp::append_simple(
      out, fmt::format("ESTAB {} unsent:{} {}", tcp.unacked_bytes, tcp.unsent_bytes, end.address));
  resp::append_simple(
      out, fmt::format("{} rtt:{:.3f}/{:.3f} minrtt:{:.3f} cwnd_bytes:{} retrans:{} "
                       "delivery_rate {}bps{} bytes_acked:{} bytes_received:{}",
                       tcp.congestion_control, milliseconds(tcp.rtt), milliseconds(tcp.rtt_var),
                       milliseconds(tcp.rtt_min), tcp.cwnd_bytes, tcp.retransmits,
                       tcp.delivery_bytes_s * 8, tcp.is_app_limited ? " app_limited" : "",
                       tcp.acked_bytes, tcp.received_bytes));
}

void append_traffic(std::string& out, const EndFacts& end, std::int64_t now_ms) {
  resp::append_array(out, 5);
  resp::append_integer(out, now_ms);
  append_number(out, end.in_bytes);
  append_number(out, end.out_bytes);
  append_number(out, end.in_bytes_s);
  append_number(out, end.out_bytes_s);
}

}  // namespace

std::string tunnel_stats(std::span<const TunnelFacts> tunnels) {
  std::string out;
  resp::append_array(out, tunnels.size());
  for (const auto& tunnel : tunnels) {
    resp::append_array(out, 8);
    resp::append_simple(out, name_of(tunnel));
    resp::append_simple(out, tunnel.established_ms != 0 ? "Tunnel-Established" : "Tunnel-Halt");
    resp::append_integer(out, tunnel.line_received_ms);
    resp::append_integer(out, tunnel.established_ms);
    resp::append_integer(out, kNotClosed);
    resp::append_simple(out, "Not Yet");
    resp::append_simple(out, tunnel.front.address);
    resp::append_simple(out, tunnel.back.address.empty() ? kNobody : tunnel.back.address);
  }
  return out;
}

std::string socket_stats(std::span<const TunnelFacts> tunnels, std::int64_t now_ms) {
  std::string out;
  resp::append_array(out, tunnels.size());
  for (const auto& tunnel : tunnels) {
    resp::append_array(out, 3);
    resp::append_simple(out, name_of(tunnel));
    append_socket(out, tunnel.front, now_ms);
    append_socket(out, tunnel.back, now_ms);
  }
  return out;
}

std::string traffic_stats(std::span<const TunnelFacts> tunnels, std::int64_t now_ms) {
  std::string out;
  resp::append_array(out, tunnels.size());
  for (const auto& tunnel : tunnels) {
    resp::append_array(out, 3);
    resp::append_simple(out, name_of(tunnel));
    append_traffic(out, tunnel.front, now_ms);
    append_traffic(out, tunnel.back, now_ms);
  }
  return out;
}

std::string ping_stats(const hop::NextHops& hops) {
  const auto probed = hops.probed();
  std::string out;
  resp::append_array(out, probed.size());
  for (const auto& [name, hop] : probed) {
    resp::append_array(out, 4);
    resp::append_integer(out, hop->probe_began_ms);
    resp::append_integer(out, hop->probe_ended_ms);
    resp::append_simple(out, base::to_string(hop->node.endpoint));
    resp::append_simple(out, base::to_string(hop->answered));
  }
  return out;
}

}  // namespace sluice::relay
