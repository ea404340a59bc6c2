#include "keeper/client_list.h"

#include <algorithm>
#include <fmt/format.h>

#include "keeper/call.h"
#include "redis/wire_words.h"

namespace sluice::keeper {
namespace {

std::int64_t whole_seconds(rt::Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

std::string flags_of(const ClientFacts& client) {
  std::string flags;
  if (client.kind == ClientKind::kReplica) flags += 'S';
  if (client.kind == ClientKind::kMaster) flags += 'M';
  if (client.kind == ClientKind::kPubsub) flags += 'P';
  if (client.queued) flags += 'x';
  return flags.empty() ? "N" : flags;
}

}  // namespace

bool is_client_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c >= '!' && c <= '~'; });
}

std::optional<ClientKind> parse_client_kind(std::string_view word) {
  if (same_word(word, "normal")) return ClientKind::kNormal;
  if (same_word(word, "master")) return ClientKind::kMaster;
  if (same_word(word, "replica") || same_word(word, redis::kReplicaWord)) {
    return ClientKind::kReplica;
  }
  if (same_word(word, "pubsub")) return ClientKind::kPubsub;
  return std::nullopt;
}

bool matches(const ClientFilter& filter, const ClientFacts& client) {
  const auto fits = [](const auto& wanted, const auto& value) {
    return !wanted || *wanted == value;
  };
  return fits(filter.id, client.id) && fits(filter.address, client.address) &&
         fits(filter.local_address, client.local_address) && fits(filter.kind, client.kind) &&
         fits(filter.user, client.user);
}

std::string client_line(const ClientFacts& client, rt::Instant now) {
  const auto queued = client.queued ? static_cast<std::int64_t>(*client.queued) : -1;
  return fmt::format(
      "id={} addr={} laddr={} fd=-1 name={} age={} idle={} flags={} db={} sub={} psub={} ssub=0 "
      "multi={} qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem={} "
      "tot-mem={} events=r cmd={} user={} redir=-1 resp={}\n",
      client.id, client.address, client.local_address, client.name,
      whole_seconds(now - client.connected_at), whole_seconds(now - client.last_interaction),
      flags_of(client), client.db, client.channels, client.patterns, queued, client.output_bytes,
      client.output_bytes, client.last_command, client.user, static_cast<int>(client.protocol));
}

}  // namespace sluice::keeper
