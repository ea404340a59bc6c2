#include <utility>

#include "relay/server_state.h"
#include "rt/deadline.h"

namespace sluice::relay {
namespace {

using namespace std::chrono_literals;

// A dead hop is noticed within the sum of both, and the issue allows three seconds.
constexpr rt::Duration kProbeInterval = 1s;
constexpr rt::Duration kProbeTimeout = 1500ms;
constexpr rt::Duration kSampleInterval = 2s;
constexpr std::int64_t kInfiniteRttMs = -99999999;  // XPipe, ProxyPingHandler
constexpr std::int64_t kPingFailedMs = 2147483647;  // XPipe, DefaultPingStats

base::Endpoint endpoint_of(const std::string& address) {
  const auto parsed = base::parse_endpoint(address);
  return parsed ? *parsed : base::Endpoint{address, 0};
}

}  // namespace

rt::Task<Result<>> Server::answer_ping(Client& client, tunnel::PingLine ping) {
  tunnel::Pong pong;
  pong.direct = endpoint_of(client.stream->local());
  if (ping.through) pong = co_await ping_through(client, *ping.through);
  pong.sluice = ping.sluice ? std::optional(tunnel::SluiceOption{}) : std::nullopt;
  const auto text = tunnel::print(pong);
  co_return co_await client.stream->write(text);
}

// What may not be connected to is not pinged either, and looks as if it did not answer.
rt::Task<tunnel::Pong> Server::ping_through(Client& client, tunnel::Node node) {
  tunnel::Pong pong;
  pong.direct = node.endpoint;
  pong.through = tunnel::Pong::Through{node.endpoint, kInfiniteRttMs};
  if (!node.is_proxy()) co_return pong;
  Refused why{Refusal::kNotAllowed, ""};
  tunnel::Hop hop(1, node);
  auto own_ip = endpoint_of(client.stream->local()).host;
  auto candidates = co_await allowed(client.facts, std::move(hop), std::move(own_ip), why);
  if (candidates.empty()) {
    note_refusal(client, why);
    co_return pong;
  }
  const auto began = host_.clock().now();
  const auto answer = co_await ask_pong(std::move(candidates.front()), kProbeTimeout);
  if (!answer) co_return pong;
  const auto took = host_.clock().now() - began;
  pong.through->real = answer->direct;
  pong.through->rtt_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  co_return pong;
}

std::string Server::answer_monitor(tunnel::MonitorKind kind) {
  if (kind == tunnel::MonitorKind::kPingStats) return ping_stats(next_hops());
  std::vector<TunnelFacts> facts;
  facts.reserve(tunnels_.size());
  for (const auto& [id, tunnel] : tunnels_) facts.push_back(facts_of(*tunnel));
  const auto now = host_.clock().wall_ms();
  if (kind == tunnel::MonitorKind::kSocketStats) return socket_stats(facts, now);
  if (kind == tunnel::MonitorKind::kTrafficStats) return traffic_stats(facts, now);
  return tunnel_stats(facts);
}

TunnelFacts Server::facts_of(const Tunnel& tunnel) const {
  const auto out = tunnel.pump->out().bytes;
  const auto home = tunnel.pump->home().bytes;
  return {.front_name = tunnel.front->peer(),
          .destination = tunnel.destination,
          .line_received_ms = tunnel.line_received_ms,
          .established_ms = tunnel.established_ms,
          .front = {.address = tunnel.front->peer(),
                    .in_bytes = out,
                    .out_bytes = home,
                    .in_bytes_s = tunnel.out_bytes_s,
                    .out_bytes_s = tunnel.home_bytes_s,
                    .tcp = tunnel.front->figures()},
          .back = {.address = tunnel.back->peer(),
                   .in_bytes = home,
                   .out_bytes = out,
                   .in_bytes_s = tunnel.home_bytes_s,
                   .out_bytes_s = tunnel.out_bytes_s,
                   .tcp = tunnel.back->figures()}};
}

// One connection per probe: it measures what a new tunnel would meet, and its timeout is the hop's.
rt::Task<Result<tunnel::Pong>> Server::ask_pong(Candidate to, rt::Duration timeout) {
  const auto until = host_.clock().now() + timeout;
  auto options = options_for(to.node);
  options.timeout = timeout;
  CO_TRY(auto stream, co_await host_.network().connect(std::move(to.address), std::move(options)));
  auto& asked = *stream;
  std::function<void()> give_up = [&asked] { asked.close(Errc::kTimedOut); };
  const rt::Deadline limit(host_.clock(), until, std::move(give_up));
  const auto text = tunnel::print(tunnel::PingLine{});
  CO_TRY_VOID(co_await stream->write(text));
  tunnel::LineReader reader;
  for (;;) {
    const auto into = host_.read_buffer().first(tunnel::kLineBytesMax);
    CO_TRY(const auto got, co_await stream->read_some(into));
    const std::string_view bytes(into.data(), got);
    CO_TRY(const auto taken, reader.take(bytes));
    if (taken.line) co_return tunnel::parse_pong(*taken.line);
  }
}

rt::Task<void> Server::probe_loop() {
  for (;;) {
    const bool goes_on = co_await gate_.sleep(kProbeInterval);
    if (!goes_on) co_return;
    const auto nodes = hops().to_probe(host_.clock().now());
    forget_unprobed();
    for (const auto& node : nodes) {
      const auto name = to_string(node);
      probed_.insert(name);
      if (probing_.insert(name).second) gate_.spawn(probe(node));
    }
  }
}

void Server::forget_unprobed() {
  const auto now_probed = hops().probed();
  std::erase_if(probed_, [&](const std::string& name) {
    if (now_probed.contains(name)) return false;
    metrics_.not_probed(metrics_.label_of(name));
    return true;
  });
}

rt::Task<void> Server::probe(tunnel::Node node) {
  const auto name = to_string(node);
  const auto began = host_.clock().now();
  const auto began_ms = host_.clock().wall_ms();
  const auto pong = co_await probe_once(node, kProbeTimeout);
  probing_.erase(name);
  auto* const hop = hops().find(node);
  if (hop == nullptr) co_return;
  const bool was_dead = hop->is_dead(host_.clock().now());
  hop->probe_began_ms = began_ms;
  hop->probe_ended_ms = pong ? host_.clock().wall_ms() : kPingFailedMs;
  if (pong) {
    hop->answered = pong->direct;
    hops().answered(node, host_.clock().now() - began);
    if (was_dead) log_.info("next relay answers again", {{"hop", name}});
  } else {
    hops().failed(node, host_.clock().now());
    const bool is_late = pong.error().code == Errc::kTimedOut;
    const auto why = is_late ? std::string("no answer to PING in time") : pong.error().detail;
    if (!was_dead) log_.warn("next relay taken out", {{"hop", name}, {"why", why}});
  }
  metrics_.probed(metrics_.label_of(name), *hop, pong.has_value());
}

rt::Task<Result<tunnel::Pong>> Server::probe_once(tunnel::Node node, rt::Duration timeout) {
  CO_TRY(auto addresses, co_await host_.network().resolve(node.endpoint, timeout));
  Candidate to{std::move(node), std::move(addresses.front())};
  co_return co_await ask_pong(std::move(to), timeout);
}

rt::Task<void> Server::sample_loop() {
  for (;;) {
    sample();
    const bool goes_on = co_await gate_.sleep(kSampleInterval);
    if (!goes_on) co_return;
  }
}

void Server::sample() {
  const auto seconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(kSampleInterval).count());
  std::map<std::string, HopFigures> hops;
  std::map<std::string, std::uint64_t> retransmits;
  for (const auto& label : seen_labels_) hops[label];  // those without tunnels fall to zero
  std::uint64_t waiting = 0;
  TransportFigures compression;
  for (const auto& [id, tunnel] : tunnels_) {
    const auto out_before = tunnel->out_bytes;
    const auto home_before = tunnel->home_bytes;
    account(*tunnel);
    tunnel->out_bytes_s = (tunnel->out_bytes - out_before) / seconds;
    tunnel->home_bytes_s = (tunnel->home_bytes - home_before) / seconds;
    waiting += tunnel->pump->out().waiting + tunnel->pump->home().waiting;
    for (const auto* const end : {tunnel->front_tunnel, tunnel->back_tunnel}) {
      if (end == nullptr) continue;
      const auto stats = end->stats();
      waiting += stats.held_to_read + stats.held_to_send;
      compression.raw_bytes += stats.raw_sent;
      compression.encoded_bytes += stats.encoded_sent;
      compression.stripes += stats.stripes;
    }
    auto& hop = hops[tunnel->label];
    seen_labels_.insert(tunnel->label);
    ++hop.tunnels;
    const auto keepalive =
        tunnel->back_tunnel != nullptr ? tunnel->back_tunnel->stats().round_trip : std::nullopt;
    if (keepalive) {
      hop.keepalive_rtt_max = std::max(hop.keepalive_rtt_max.value_or(*keepalive), *keepalive);
    }
    const auto tcp = tunnel->back->figures();
    if (!tcp) continue;
    // Fewer than before: a stripe with its own count has been replaced.
    const auto before = std::exchange(tunnel->retransmits, tcp->retransmits);
    if (tcp->retransmits > before) retransmits[tunnel->label] += tcp->retransmits - before;
    hop.delivery_bytes_s += tcp->delivery_bytes_s;
    hop.cwnd_bytes += tcp->cwnd_bytes;
    hop.rtt_max = std::max(hop.rtt_max, tcp->rtt);
  }
  for (const auto& [label, figures] : hops) metrics_.sampled(label, figures, retransmits[label]);
  metrics_.set_tunnels(tunnels_.size(), config_.settings.tunnels_max);
  metrics_.set_buffered(waiting);
  metrics_.set_transport(compression);
}

void Server::account(Tunnel& tunnel) {
  const auto out = tunnel.pump->out().bytes;
  const auto home = tunnel.pump->home().bytes;
  metrics_.moved(tunnel.label, out - std::exchange(tunnel.out_bytes, out),
                 home - std::exchange(tunnel.home_bytes, home));
  if (tunnel.front_tunnel != nullptr) count_stripes(*tunnel.front_tunnel, tunnel.front_stats);
  if (tunnel.back_tunnel != nullptr) count_stripes(*tunnel.back_tunnel, tunnel.back_stats);
}

void Server::count_stripes(const hop::TunnelStream& end, tunnel::SessionStats& seen) {
  const auto now = end.stats();
  metrics_.stripes_changed(std::exchange(seen, now), now);
}

}  // namespace sluice::relay
