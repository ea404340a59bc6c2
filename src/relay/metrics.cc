#include "relay/metrics.h"

#include <cmath>

namespace sluice::relay {
namespace {

base::Counter refusal_counter(base::Metrics& metrics, Refusal why) {
  return metrics.counter({"sluice_relay_refusals_total", "Connections turned away, by reason."},
                         {{"reason", std::string(name_of(why))}});
}

base::Counter stripe_counter(base::Metrics& metrics, const std::string& why) {
  return metrics.counter(
      {"sluice_relay_stripes_ended_total",
       "Connections that a tunnel to another Sluice peer lost or gave up and went "
       "on without, by what was wrong with them."},
      {{"why", why}});
}

base::Gauge hop_gauge(base::Metrics& metrics, const std::string& label, const std::string& name,
                      const std::string& help) {
  return metrics.gauge({"sluice_relay_hop_" + name, help}, {{"hop", label}});
}

double seconds(rt::Duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

std::string_view name_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kBadLine:
      return "bad-line";
    case Refusal::kLate:
      return "late";
    case Refusal::kNotAllowed:
      return "not-allowed";
    case Refusal::kLoop:
      return "loop";
    case Refusal::kUnreachable:
      return "unreachable";
    case Refusal::kFull:
      return "full";
    case Refusal::kDraining:
      return "draining";
    case Refusal::kNoTunnel:
      return "no-tunnel";
  }
  return "?";
}

RelayMetrics::RelayMetrics(base::Metrics& metrics)
    : metrics_(metrics),
      refusals_{refusal_counter(metrics, Refusal::kBadLine),
                refusal_counter(metrics, Refusal::kLate),
                refusal_counter(metrics, Refusal::kNotAllowed),
                refusal_counter(metrics, Refusal::kLoop),
                refusal_counter(metrics, Refusal::kUnreachable),
                refusal_counter(metrics, Refusal::kFull),
                refusal_counter(metrics, Refusal::kDraining),
                refusal_counter(metrics, Refusal::kNoTunnel)},
      opened_(metrics.counter({"sluice_relay_tunnels_total", "Tunnels opened."})),
      tunnels_(metrics.gauge({"sluice_relay_tunnels", "Tunnels open now."})),
      tunnels_max_(metrics.gauge({"sluice_relay_tunnels_max", "Tunnels that may be open."})),
      buffered_(metrics.gauge(
          {"sluice_relay_buffered_bytes", "Bytes held for receivers that are slow."})),
      draining_(metrics.gauge({"sluice_relay_draining", "1 while no new tunnels are taken."})),
      compression_(metrics.gauge({"sluice_relay_compression_ratio",
                                  "Bytes sent through open tunnels to other Sluice peers, per byte "
                                  "that left; 1 if none."})),
      stripes_(metrics.gauge({"sluice_relay_stripes", "Connections that carry such tunnels."})),
      stripes_added_(
          metrics.counter({"sluice_relay_stripes_total",
                           "Connections that such tunnels have had, replacements too."})),
      // In the order of StripeEnd.
      stripes_ended_{stripe_counter(metrics, "reset"), stripe_counter(metrics, "silent"),
                     stripe_counter(metrics, "collapsed"), stripe_counter(metrics, "surplus"),
                     stripe_counter(metrics, "renewed")} {}

void RelayMetrics::stripes_changed(const tunnel::SessionStats& before,
                                   const tunnel::SessionStats& now) {
  stripes_added_.add(static_cast<double>(now.stripes_added - before.stripes_added));
  for (std::size_t why = 0; why < tunnel::kStripeEnds; ++why) {
    const auto ended = now.stripes_ended[why] - before.stripes_ended[why];
    stripes_ended_[why].add(static_cast<double>(ended));
  }
}

void RelayMetrics::set_transport(const TransportFigures& figures) {
  const bool has_any = figures.encoded_bytes > 0;
  compression_.set(has_any ? static_cast<double>(figures.raw_bytes) /
                                 static_cast<double>(figures.encoded_bytes)
                           : 1);
  stripes_.set(static_cast<double>(figures.stripes));
}

void RelayMetrics::set_tunnels(std::size_t open, std::size_t max) {
  tunnels_.set(static_cast<double>(open));
  tunnels_max_.set(static_cast<double>(max));
}

void RelayMetrics::set_buffered(std::uint64_t bytes) {
  buffered_.set(static_cast<double>(bytes));
}

std::string RelayMetrics::label_of(const std::string& hop) {
  if (hops_.contains(hop)) return hop;
  return hops_.size() < kHopLabelsMax ? hop : "other";
}

RelayMetrics::Hop RelayMetrics::make_hop(const std::string& label) {
  const base::MetricLabels labels{{"hop", label}};
  const auto bytes = [&](const std::string& direction) {
    return metrics_.counter(
        {"sluice_relay_bytes_total", "Bytes carried, out: towards the hop, back: from it."},
        {{"hop", label}, {"direction", direction}});
  };
  const auto gauge = [&](const std::string& name, const std::string& help) {
    return hop_gauge(metrics_, label, name, help);
  };
  return {
      .out_bytes = bytes("out"),
      .back_bytes = bytes("back"),
      .retransmits = metrics_.counter(
          {"sluice_relay_hop_retransmits_total", "TCP segments sent again to the hop."}, labels),
      .tunnels = gauge("tunnels", "Tunnels open to the hop."),
      .rtt = gauge("tcp_rtt_seconds", "Largest smoothed TCP round trip of its tunnels."),
      .keepalive_rtt = gauge("keepalive_rtt_seconds",
                             "Largest smoothed round trip of keepalives through its tunnels, from "
                             "process to process; NaN where it does not speak Sluice."),
      .delivery = gauge("delivery_bytes_per_second", "TCP delivery rates of its tunnels, added."),
      .cwnd = gauge("cwnd_bytes", "TCP congestion windows of its tunnels, added.")};
}

RelayMetrics::Hop& RelayMetrics::hop(const std::string& label) {
  const auto found = hops_.find(label);
  if (found != hops_.end()) return found->second;
  return hops_.emplace(label, make_hop(label)).first->second;
}

void RelayMetrics::moved(const std::string& label, std::uint64_t out_bytes,
                         std::uint64_t back_bytes) {
  auto& counted = hop(label);
  counted.out_bytes.add(static_cast<double>(out_bytes));
  counted.back_bytes.add(static_cast<double>(back_bytes));
}

void RelayMetrics::sampled(const std::string& label, const HopFigures& figures,
                           std::uint64_t new_retransmits) {
  auto& shown = hop(label);
  shown.tunnels.set(static_cast<double>(figures.tunnels));
  shown.retransmits.add(static_cast<double>(new_retransmits));
  shown.rtt.set(seconds(figures.rtt_max));
  const auto keepalive = figures.keepalive_rtt_max;
  shown.keepalive_rtt.set(keepalive ? seconds(*keepalive) : std::nan(""));
  shown.delivery.set(static_cast<double>(figures.delivery_bytes_s));
  shown.cwnd.set(static_cast<double>(figures.cwnd_bytes));
}

void RelayMetrics::not_probed(const std::string& label) {
  const auto found = hops_.find(label);
  if (found == hops_.end() || !found->second.is_up) return;
  found->second.is_up->set(std::nan(""));
}

void RelayMetrics::probed(const std::string& label, const hop::HopState& state, bool has_answered) {
  auto& shown = hop(label);
  if (!shown.is_up) {
    shown.is_up = hop_gauge(metrics_, label, "up", "1 if a next relay answers PING.");
    shown.probe_rtt = hop_gauge(metrics_, label, "ping_rtt_seconds",
                                "Smoothed round trip of a PING to a next relay.");
  }
  shown.is_up->set(has_answered ? 1 : 0);
  if (state.rtt) shown.probe_rtt->set(seconds(*state.rtt));
}

}  // namespace sluice::relay
