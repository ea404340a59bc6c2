#include "module/info.h"

#include <string_view>

namespace sluice::module {

namespace {

std::string text(const crdt::VersionVector& vector) {
  std::string line;
  for (const auto& dot : vector.entries()) {
    if (!line.empty()) line += ',';
    line += std::to_string(dot.actor.region) + '.' + std::to_string(dot.actor.incarnation) + ':' +
            std::to_string(dot.seq);
  }
  return line;
}

// Of this region's ops, what `peer` has not said to have for good; and how long ago the oldest was made.
std::string peer_text(Node& node, crdt::RegionId peer, std::uint64_t now) {
  const auto& region = node.region();
  const auto promised = region.promised_by(peer);
  std::uint64_t ops = 0;
  std::uint64_t oldest_ms = 0;
  for (const auto& dot : region.vector().entries()) {
    const auto there = promised.at(dot.actor);
    if (dot.actor.region != node.config().id || there >= dot.seq) continue;
    if (ops == 0) oldest_ms = node.made_after_ms({dot.actor, there}).value_or(now);
    ops += dot.seq - there;
  }
  const auto since = [now](std::uint64_t then) { return then == 0 || then > now ? 0 : now - then; };
  const auto heard = region.heard_ms(peer);
  return "heard_ms_ago=" + (heard == 0 ? "-1" : std::to_string(since(heard))) +
         ",unpromised_ops=" + std::to_string(ops) +
         ",unpromised_ms=" + std::to_string(ops == 0 ? 0 : since(oldest_ms));
}

class Text {
 public:
  void section(std::string_view name) {
    if (!out_.empty()) out_ += "\r\n";
    out_ += "# ";
    out_ += name;
    out_ += "\r\n";
  }
  void line(std::string_view name, std::string_view value) {
    out_ += name;
    out_ += ':';
    out_ += value;
    out_ += "\r\n";
  }
  void line(std::string_view name, std::uint64_t value) { line(name, std::to_string(value)); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace

std::string info_text(Node& node, InfoDetail detail) {
  const auto& region = node.region();
  const auto& stats = region.counts();
  Text out;
  out.section("Region");
  out.line("region", node.config().region);
  out.line("id", node.config().id);
  out.line("incarnation", region.self().incarnation);
  out.line("role", node.is_master() ? "master" : "replica");
  out.line("allow_flush", node.config().allow_flush ? "yes" : "no");
  out.line("vector", text(region.vector()));
  out.line("stable", text(region.stable()));

  out.section("Members");
  std::string peers;
  for (const auto peer : region.peers()) {
    if (!peers.empty()) peers += ',';
    peers += std::to_string(peer);
  }
  out.line("peers", peers);
  const auto now = static_cast<std::uint64_t>(api::Milliseconds());
  for (const auto peer : region.peers()) {
    out.line("promise_" + std::to_string(peer), text(region.promised_by(peer)));
    out.line("peer_" + std::to_string(peer), peer_text(node, peer, now));
  }

  std::string detached;
  for (const auto gone : region.detached()) {
    if (!detached.empty()) detached += ',';
    detached += std::to_string(gone);
  }
  out.line("detached", detached);
  out.line("must_rejoin", region.must_rejoin() ? "yes" : "no");
  out.line("holds_back", region.holds_back() ? "yes" : "no");
  out.line("merging_from", node.merge().source);
  const auto* const unless_merging = region.is_half_merged() ? "interrupted" : "no";
  out.line("merging", region.is_merging() ? "yes" : unless_merging);
  out.line("merged_keys", region.merged_keys());
  out.line("adopting", node.adoption().is_due() ? "yes" : "no");
  out.line("adopted_keys", node.adoption().adopted());

  out.section("Unstable");
  out.line("unstable_keys", region.unstable_keys());
  if (detail == InfoDetail::kAll) out.line("unstable_entries", region.stats().unstable_entries);
  out.line("unstable_bytes", region.stats_bytes());
  out.line("unstable_bytes_max", node.config().limits.unstable_bytes_max);

  out.section("Ops");
  out.line("local_ops", stats.local_ops);
  out.line("remote_ops", stats.remote_ops);
  out.line("fast_ops", stats.fast_ops);
  out.line("concurrent_ops", stats.concurrent_ops);
  out.line("misnoted_ops", stats.misnoted_ops);
  out.line("conflicts_lww", stats.conflicts_lww);
  out.line("conflicts_type", stats.conflicts_type);
  out.line("conflicts_remove", stats.conflicts_remove);
  out.line("retained_bytes", node.retained_bytes());
  out.line("held_commands", node.held_commands());
  out.line("torn_writes", node.torn_writes());
  out.line("retold_keys", node.retold_keys());
  return out.take();
}

}  // namespace sluice::module
