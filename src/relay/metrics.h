// What a relay counts.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/metrics.h"
#include "hop/next_hops.h"
#include "rt/tcp_figures.h"
#include "tunnel/session.h"

namespace sluice::relay {

// Why a connection was turned away; also the word in logs, metrics and answers.
enum class Refusal : std::uint8_t {
  kBadLine,      // not a line of the protocol, too long, unknown and mandatory, or of no use here
  kLate,         // no whole line in time
  kNotAllowed,   // no allow-list names the next node
  kLoop,         // the route leads back to us
  kUnreachable,  // no next node took the connection
  kFull,         // tunnels_max
  kDraining,
  kNoTunnel  // a further connection of a tunnel that has ended, or is another's
};
inline constexpr std::size_t kRefusals = 8;

std::string_view name_of(Refusal refusal);

// What the tunnels to one next node add up to, sampled every few seconds.
struct HopFigures {
  std::uint64_t tunnels = 0;
  std::uint64_t retransmits = 0;
  std::uint64_t delivery_bytes_s = 0;
  std::uint64_t cwnd_bytes = 0;
  rt::Duration rtt_max{0};
  std::optional<rt::Duration> keepalive_rtt_max{};  // nothing of hops that do not speak Sluice
};

// What the tunnels of Sluice's own transport that are open now add up to.
struct TransportFigures {
  std::uint64_t raw_bytes = 0;      // sent, as they were given
  std::uint64_t encoded_bytes = 0;  // ... and as they left
  std::uint64_t stripes = 0;
};

// Handles are shared by nobody: each core has its own RelayMetrics over one base::Metrics. Labels of
// hops are bounded: those after the first kHopLabelsMax are counted as "other".
class RelayMetrics {
 public:
  static constexpr std::size_t kHopLabelsMax = 64;

  explicit RelayMetrics(base::Metrics& metrics);

  void refused(Refusal why) { refusals_[static_cast<std::size_t>(why)].add(); }
  void opened() { opened_.add(); }
  void set_tunnels(std::size_t open, std::size_t max);
  void set_buffered(std::uint64_t bytes);
  void set_transport(const TransportFigures& figures);
  // What became of the connections of a tunnel since `before`.
  void stripes_changed(const tunnel::SessionStats& before, const tunnel::SessionStats& now);
  void set_draining(bool is_draining) { draining_.set(is_draining ? 1 : 0); }

  // The label under which a hop is counted.
  std::string label_of(const std::string& hop);
  void moved(const std::string& label, std::uint64_t out_bytes, std::uint64_t back_bytes);
  void sampled(const std::string& label, const HopFigures& figures, std::uint64_t new_retransmits);
  void probed(const std::string& label, const hop::HopState& hop, bool has_answered);
  // It stands in no route any more: whether it answers is not known (NaN).
  void not_probed(const std::string& label);

 private:
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): what is registered has no default
  struct Hop {
    base::Counter out_bytes;
    base::Counter back_bytes;
    base::Counter retransmits;
    base::Gauge tunnels;
    base::Gauge rtt;
    base::Gauge keepalive_rtt;
    base::Gauge delivery;
    base::Gauge cwnd;
    // Of those that are probed alone: 0 would tell of a relay that does not answer.
    std::optional<base::Gauge> probe_rtt{};
    std::optional<base::Gauge> is_up{};
  };

  Hop make_hop(const std::string& label);
  Hop& hop(const std::string& label);

  base::Metrics& metrics_;
  std::array<base::Counter, kRefusals> refusals_;
  base::Counter opened_;
  base::Gauge tunnels_;
  base::Gauge tunnels_max_;
  base::Gauge buffered_;
  base::Gauge draining_;
  base::Gauge compression_;
  base::Gauge stripes_;
  base::Counter stripes_added_;
  std::array<base::Counter, tunnel::kStripeEnds> stripes_ended_;
  std::map<std::string, Hop> hops_;
};

}  // namespace sluice::relay
