#include "geo/mesh.h"

#include <algorithm>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "base/text_table.h"
#include "geo/status.h"
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

// --- conflicts ------------------------------------------------------------------------------------

// "r1 at 2026-11-22 21:40:03.250 UTC" of the module's "1795383603250 1.117 42"; "-" where no write is meant.
std::string stamp_text(const std::string& stamp, const std::vector<Member>& members) {
  std::uint64_t ms = 0;
  unsigned id = 0;
  std::istringstream words(stamp);
  words >> ms >> id;
  if (ms == 0) return "-";
  const auto at = std::ranges::find_if(
      members, [id](const Member& member) { return member.state.self.region == id; });
  const auto name = at == members.end() ? fmt::format("region {}", id) : at->state.region;
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  return fmt::format("{} at {:%F %T}.{:03} UTC", name, fmt::gmtime(seconds), ms % 1000);
}

rt::Task<Result<Outcome>> conflicts(std::vector<Member>& members,
                                    const MeshInvocation& invocation) {
  nlohmann::json all = nlohmann::json::array();
  base::TextTable table({"seen by", "key", "element", "kind", "winner", "loser"});
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
      table.add({member.state.region, text(0), text(1).empty() ? "-" : text(1), text(2),
                 stamp_text(text(3), members), stamp_text(text(4), members)});
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

rt::Task<Result<Member>> find_member(rt::Host& host, base::RedisUrl url,
                                     redis::ClientOptions options) {
  Member member{.address = base::to_string(url.endpoint), .client = nullptr, .state = {}};
  auto client = co_await redis::Client::connect(host, std::move(url), std::move(options));
  if (!client) co_return fail(Errc::kRejected, member.address + ": " + client.error().detail);
  member.client = *std::move(client);
  auto state = co_await state_of(*member.client);
  if (!state) co_return fail(Errc::kRejected, member.address + ": " + state.error().detail);
  member.state = *std::move(state);
  co_return member;
}

Result<> check_unique(const std::vector<Member>& members) {
  std::set<crdt::RegionId> seen;
  for (const auto& member : members) {
    if (seen.insert(member.state.self.region).second) continue;
    return fail(Errc::kRejected, fmt::format("{}: another of the masters named is of region {} "
                                             "too; ids must be unique",
                                             member.address, member.state.self.region));
  }
  return {};
}

rt::Task<Result<std::vector<Member>>> find_members(rt::Host& host,
                                                   const std::vector<base::RedisUrl>& urls,
                                                   redis::ClientOptions options) {
  std::vector<Member> members;
  for (const auto& url : urls) {
    base::RedisUrl to = url;
    redis::ClientOptions how = options;
    CO_TRY(auto member, co_await find_member(host, std::move(to), std::move(how)));
    members.push_back(std::move(member));
    CO_TRY_VOID(check_unique(members));
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
  if (invocation.command == "status") {
    redis::ClientOptions options = client_options(invocation.settings);
    co_return co_await status(host, invocation, std::move(options));
  }
  CO_TRY(auto members,
         co_await find_members(host, invocation.urls, client_options(invocation.settings)));
  if (invocation.command == "conflicts") co_return co_await conflicts(members, invocation);
  if (invocation.command == "join") co_return co_await join(members, invocation);
  if (invocation.command == "detach") co_return co_await detach(members, invocation);
  co_return co_await verify(host, members, invocation.settings);
}

}  // namespace sluice::geo
