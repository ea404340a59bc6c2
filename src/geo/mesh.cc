#include "geo/mesh.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/text_table.h"
#include "geo/verify.h"

namespace sluice::geo {
namespace {

redis::ClientOptions client_options(const MeshSettings& settings) {
  redis::ClientOptions options;
  options.tls = {.cert = settings.tls_cert,
                 .key = settings.tls_key,
                 .ca = settings.tls_ca,
                 .server_name = {},
                 .verify_peer = settings.tls_verify};
  options.timeout = std::chrono::minutes(2);  // of GEO.DIGEST over many keys
  return options;
}

rt::Task<Result<RegionState>> state_of(redis::Client& client) {
  redis::Words words{"GEO.VECTOR"};
  CO_TRY(const auto reply, co_await client.call(std::move(words)));
  co_return parse_region_state(reply);
}

std::set<crdt::RegionId> origins_of(const crdt::VersionVector& all) {
  std::set<crdt::RegionId> origins;
  for (const auto& dot : all.entries()) origins.insert(dot.actor.region);
  return origins;
}

// --- status ---------------------------------------------------------------------------------------

struct Facts {
  const Member* member = nullptr;
  redis::Info info;
};

std::uint64_t conflicts_of(const redis::Info& info) {
  return info.number("conflicts_lww") + info.number("conflicts_type") +
         info.number("conflicts_remove");
}

std::string fast_share(const redis::Info& info) {
  const auto remote = info.number("remote_ops");
  if (remote == 0) return "-";
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(info.number("fast_ops")) /
                                     static_cast<double>(remote));
}

nlohmann::json vector_json(const crdt::VersionVector& vector) {
  nlohmann::json entries = nlohmann::json::array();
  for (const auto& dot : vector.entries()) {
    entries.push_back({dot.actor.region, dot.actor.incarnation, dot.seq});
  }
  return entries;
}

std::string status_json(const std::vector<Facts>& facts, const crdt::VersionVector& all) {
  nlohmann::json regions = nlohmann::json::array();
  for (const auto& [member, info] : facts) {
    nlohmann::json lag = nlohmann::json::object();
    for (const auto origin : origins_of(all)) {
      lag[std::to_string(origin)] = lacks(member->state.vector, all, origin);
    }
    nlohmann::json positions = nlohmann::json::object();
    for (const auto& one : member->state.positions) {
      positions[one.source] = {{"replid", one.position.id.text()},
                               {"offset", one.position.offset.bytes()}};
    }
    regions.push_back({{"region", member->state.region},
                       {"id", member->state.self.region},
                       {"incarnation", member->state.self.incarnation},
                       {"address", member->address},
                       {"vector", vector_json(member->state.vector)},
                       {"lag_ops", std::move(lag)},
                       {"peers", info.field("peers")},
                       {"unstable_keys", info.number("unstable_keys")},
                       {"unstable_bytes", info.number("unstable_bytes")},
                       {"conflicts", conflicts_of(info)},
                       {"local_ops", info.number("local_ops")},
                       {"remote_ops", info.number("remote_ops")},
                       {"fast_ops", info.number("fast_ops")},
                       {"positions", std::move(positions)}});
  }
  return nlohmann::json{{"regions", std::move(regions)}}.dump() + "\n";
}

std::string status_table(const std::vector<Facts>& facts, const crdt::VersionVector& all) {
  std::vector<std::string> header{"region",   "id",    "master",    "counts",
                                  "unstable", "bytes", "conflicts", "fast path"};
  for (const auto origin : origins_of(all)) header.push_back(fmt::format("lacks of {}", origin));
  base::TextTable table(std::move(header));
  std::string vectors;
  for (const auto& [member, info] : facts) {
    std::vector<std::string> row{
        member->state.region,
        std::to_string(member->state.self.region),
        member->address,
        std::string(info.field("peers")),
        base::count_text(info.number("unstable_keys")),
        base::bytes_text(static_cast<double>(info.number("unstable_bytes"))),
        base::count_text(conflicts_of(info)),
        fast_share(info)};
    for (const auto origin : origins_of(all)) {
      row.push_back(base::count_text(lacks(member->state.vector, all, origin)));
    }
    table.add(std::move(row));
    vectors += fmt::format("{} has {}\n", member->state.region, to_string(member->state.vector));
  }
  return table.text() + "\n" + vectors;
}

rt::Task<Result<Outcome>> status(std::vector<Member>& members, const MeshInvocation& invocation) {
  std::vector<Facts> facts;
  for (auto& member : members) {
    redis::Words words{"GEO.INFO"};
    CO_TRY(const auto reply, co_await member.client->need(std::move(words)));
    facts.push_back({&member, redis::Info::parse(reply.text)});
  }
  const auto all = all_of(members);
  Outcome outcome;
  outcome.text = invocation.settings.json ? status_json(facts, all) : status_table(facts, all);
  co_return outcome;
}

// --- conflicts ------------------------------------------------------------------------------------

rt::Task<Result<Outcome>> conflicts(std::vector<Member>& members,
                                    const MeshInvocation& invocation) {
  nlohmann::json all = nlohmann::json::array();
  base::TextTable table({"region", "key", "element", "kind", "winner", "loser"});
  for (auto& member : members) {
    redis::Words words{"GEO.CONFLICTS", std::to_string(invocation.settings.count)};
    CO_TRY(const auto reply, co_await member.client->need(std::move(words)));
    for (const auto& one : reply.elements) {
      if (one.elements.size() != 5) continue;
      const auto text = [&one](std::size_t i) { return one.elements[i].text; };
      all.push_back({{"region", member.state.region},
                     {"key", text(0)},
                     {"element", text(1)},
                     {"kind", text(2)},
                     {"winner", text(3)},
                     {"loser", text(4)}});
      table.add({member.state.region, text(0), text(1), text(2), text(3), text(4)});
    }
  }
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;  // keys may be any bytes
  Outcome outcome;
  outcome.text =
      invocation.settings.json ? all.dump(-1, ' ', false, kReplace) + "\n" : table.text();
  co_return outcome;
}

// --- members --------------------------------------------------------------------------------------

rt::Task<Result<Outcome>> join(std::vector<Member>& members, const MeshInvocation& invocation) {
  Outcome outcome;
  for (auto& member : members) {
    // Alone it is told that it stays, whom nobody is left to take back.
    if (member.state.self.region == invocation.id && members.size() > 1) continue;
    redis::Words words{"GEO.JOIN", std::to_string(invocation.id)};
    if (!invocation.settings.name.empty()) words.push_back(invocation.settings.name);
    CO_TRY_VOID(co_await member.client->need(std::move(words)));
    outcome.text += fmt::format(
        "{}: region {} counts as a member; metadata is kept until it has announced what it has\n",
        member.state.region, invocation.id);
  }
  co_return outcome;
}

// What the region that goes has made and others lack is lost with it, unless it is drained first.
rt::Task<Result<Outcome>> detach(std::vector<Member>& members, const MeshInvocation& invocation) {
  const auto all = all_of(members);
  Outcome outcome;
  for (auto& member : members) {
    if (member.state.self.region == invocation.id) continue;
    const auto missing = lacks(member.state.vector, all, invocation.id);
    redis::Words words{"GEO.DETACH", std::to_string(invocation.id)};
    CO_TRY_VOID(co_await member.client->need(std::move(words)));
    outcome.text += fmt::format("{}: region {} counts no more, its ops are refused from here on",
                                member.state.region, invocation.id);
    if (missing > 0) {
      outcome.is_well = false;
      outcome.text += fmt::format("; {} of its ops that others have are missing here", missing);
    }
    outcome.text += "\n";
  }
  outcome.text += "It comes back by taking a snapshot of another region: see operating-geo.md\n";
  co_return outcome;
}

}  // namespace

crdt::VersionVector all_of(const std::vector<Member>& members) {
  crdt::VersionVector all;
  for (const auto& member : members) all.merge(member.state.vector);
  return all;
}

std::uint64_t lacks(const crdt::VersionVector& vector, const crdt::VersionVector& all,
                    crdt::RegionId origin) {
  std::uint64_t ops = 0;
  for (const auto& dot : all.entries()) {
    if (dot.actor.region == origin) ops += dot.seq - std::min(dot.seq, vector.at(dot.actor));
  }
  return ops;
}

rt::Task<Result<std::vector<Member>>> find_members(rt::Host& host,
                                                   const std::vector<base::RedisUrl>& urls,
                                                   redis::ClientOptions options) {
  std::vector<Member> members;
  std::set<crdt::RegionId> seen;
  for (const auto& url : urls) {
    Member member{.address = base::to_string(url.endpoint), .client = nullptr, .state = {}};
    base::RedisUrl to = url;
    redis::ClientOptions how = options;
    auto client = co_await redis::Client::connect(host, std::move(to), std::move(how));
    if (!client) co_return fail(Errc::kRejected, member.address + ": " + client.error().detail);
    member.client = *std::move(client);
    auto state = co_await state_of(*member.client);
    if (!state) co_return fail(Errc::kRejected, member.address + ": " + state.error().detail);
    member.state = *std::move(state);
    if (!seen.insert(member.state.self.region).second) {
      co_return fail(Errc::kRejected,
                     fmt::format("{}: another of the masters named is of region {} "
                                 "too; ids must be unique",
                                 member.address, member.state.self.region));
    }
    members.push_back(std::move(member));
  }
  co_return members;
}

rt::Task<Result<>> refresh(std::vector<Member>& members) {
  for (auto& member : members) {
    CO_TRY(member.state, co_await state_of(*member.client));
  }
  co_return Result<>{};
}

rt::Task<Result<Outcome>> run_mesh(rt::Host& host, const MeshInvocation& invocation) {
  CO_TRY(auto members,
         co_await find_members(host, invocation.urls, client_options(invocation.settings)));
  if (invocation.command == "status") co_return co_await status(members, invocation);
  if (invocation.command == "conflicts") co_return co_await conflicts(members, invocation);
  if (invocation.command == "join") co_return co_await join(members, invocation);
  if (invocation.command == "detach") co_return co_await detach(members, invocation);
  co_return co_await verify(host, members, invocation.settings);
}

}  // namespace sluice::geo
