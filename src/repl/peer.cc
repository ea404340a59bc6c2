#include "repl/peer.h"

#include <algorithm>
#include <charconv>

namespace sluice::repl {
namespace {

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "keys=12,expires=0,avg_ttl=0"
std::uint64_t keys_in(std::string_view counts) {
  constexpr std::string_view kKeys = "keys=";
  if (counts.substr(0, kKeys.size()) != kKeys) return 0;
  return number(counts.substr(kKeys.size()));
}

struct Parsing {
  Peer peer;
  base::Endpoint master;
  std::optional<ReplId> second_id;
  Offset second_end;
  PeerSnapshot snapshot;
};

std::optional<ReplId> replid(std::string_view text) {
  auto id = ReplId::parse(text);
  if (!id || *id == ReplId::parse(std::string(ReplId::kLength, '0'))) return std::nullopt;
  return *id;
}

void note_replication(Parsing& at, std::string_view key, std::string_view value) {
  auto& peer = at.peer;
  if (key == "role") peer.is_replica = value == "slave";
  if (key == "master_host") at.master.host = value;
  if (key == "master_port") at.master.port = static_cast<std::uint16_t>(number(value));
  if (key == "master_link_status") peer.is_link_up = value == "up";
  if (key == "master_replid") peer.id = replid(value);
  if (key == "master_replid2") at.second_id = replid(value);
  if (key == "master_repl_offset") peer.offset = Offset{number(value)};
  // Printed in the wire's count, and -1 while there is none.
  if (key == "second_repl_offset")
    at.second_end = Offset{std::max<std::uint64_t>(number(value), 1) - 1};
}

void note(Parsing& at, std::string_view key, std::string_view value) {
  if (key == "run_id") at.peer.run_id = value;
  if (key == "redis_version") at.peer.version = value;
  if (key == "loading") at.peer.is_loading = value == "1";
  if (key.substr(0, 2) == "db" && key.size() > 2 && key[2] >= '0' && key[2] <= '9') {
    at.peer.keys = at.peer.keys.value_or(0) + keys_in(value);
  }
  if (key == "keeper_id") at.peer.is_keeper = true;
  if (key == "keeper_snapshot_offset") at.snapshot.at = Offset{number(value)};
  if (key == "keeper_snapshot_bytes") at.snapshot.bytes = number(value);
  note_replication(at, key, value);
}

}  // namespace

Peer parse_peer(std::string_view info) {
  Parsing at;
  while (!info.empty()) {
    const auto end = std::min(info.find('\n'), info.size());
    auto line = info.substr(0, end);
    info.remove_prefix(std::min(end + 1, info.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    // A server without keys prints the section's title and no line in it.
    if (line == "# Keyspace" && !at.peer.keys) at.peer.keys = 0;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    note(at, line.substr(0, colon), line.substr(colon + 1));
  }
  if (at.peer.is_replica && !at.master.host.empty()) at.peer.master = at.master;
  if (at.peer.is_keeper && at.snapshot.bytes > 0) at.peer.snapshot = at.snapshot;
  if (at.second_id) at.peer.inherited = Position{*at.second_id, at.second_end};
  return at.peer;
}

Position resume_position(const History& history, Mark mark, const Peer& peer) {
  Position ask{history.id, mark.offset};
  if (peer.id == history.id || !peer.inherited) return ask;
  const auto& parted = *peer.inherited;
  const bool is_behind = parted.id == history.id && parted.offset < ask.offset;
  if (!is_behind || parted.offset < history.held.begin) return ask;
  if (ask.offset - parted.offset <= kRollbackBytesMax) ask.offset = parted.offset;
  return ask;
}

}  // namespace sluice::repl
