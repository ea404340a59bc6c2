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

constexpr auto kDigestTimeout = std::chrono::minutes(2);  // over many keys

redis::ClientOptions client_options(const MeshInvocation& invocation) {
  const auto& settings = invocation.settings;
  redis::ClientOptions options;
  options.tls = {.cert = settings.tls_cert,
                 .key = settings.tls_key,
                 .ca = settings.tls_ca,
                 .server_name = {},
                 .verify_peer = settings.tls_verify};
  return options;
}

rt::Task<Result<RegionState>> state_of(redis::Client& client) {
  redis::Words words{"GEO.VECTOR"};
  CO_TRY(const auto reply, co_await client.call(std::move(words)));
  co_return parse_region_state(reply);
}

// Some errors name the address already.
Error of_server(const std::string& address, const Error& error) {
  if (error.detail.starts_with(address)) return error;
  return {error.code, address + ": " + error.detail};
}

bool is_silence(const Error& error) {
  return error.code == Errc::kDisconnected || error.code == Errc::kTimedOut;
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

// Of the servers named, the regions' masters, and those that do not answer, with why.
struct Named {
  std::vector<Member> members;
  std::vector<std::string> silent;
};

// Somebody who is gone must not keep the others from being told so.
rt::Task<Result<Named>> find_named(rt::Host& host, const MeshInvocation& invocation) {
  Named named;
  for (const auto& one : invocation.urls) {
    base::RedisUrl url = one;
    redis::ClientOptions how = client_options(invocation);
    auto member = co_await find_member(host, std::move(url), std::move(how));
    if (!member && is_silence(member.error())) {
      named.silent.push_back(member.error().detail);
      continue;
    }
    if (!member) co_return tl::unexpected(member.error());
    named.members.push_back(*std::move(member));
    CO_TRY_VOID(check_unique(named.members));
  }
  if (named.members.empty()) co_return fail(Errc::kRejected, named.silent.front());
  co_return named;
}

// One that is silent is taken for the region that is to be let go, unless that one answers.
void tell_silent(const Named& named, const MeshInvocation& invocation, Outcome& outcome) {
  const auto meant = invocation.id;
  const bool is_leaving = invocation.command == "detach";
  const bool answers = std::ranges::any_of(
      named.members, [meant](const Member& member) { return member.state.self.region == meant; });
  const bool is_meant = is_leaving && !answers && named.silent.size() == 1;
  for (const auto& why : named.silent) {
    outcome.is_well = outcome.is_well && is_meant;
    outcome.text += is_meant
                        ? fmt::format("no answer from {}; it is taken for region {}\n", why, meant)
                        : fmt::format("no answer from {}; it was told nothing\n", why);
  }
}

// Before anybody is told anything: a replica would refuse it.
rt::Task<Result<>> need_masters(std::vector<Member>& members) {
  for (auto& member : members) {
    redis::Words words{"GEO.INFO", "QUICK"};
    auto reply = co_await member.client->need(std::move(words));
    if (!reply) co_return fail(Errc::kRejected, member.address + ": " + reply.error().detail);
    if (redis::Info::parse(reply->text).field("role") == "master") continue;
    co_return fail(Errc::kRejected, fmt::format("{} is a replica of region {}: name its master",
                                                member.address, member.state.region));
  }
  co_return Result<>{};
}

// True if it obeyed; else the text says why not, and the others are told all the same.
rt::Task<bool> tell(Member& member, redis::Words words, Outcome& outcome) {
  const auto reply = co_await member.client->need(std::move(words));
  if (reply) co_return true;
  outcome.is_well = false;
  outcome.text += fmt::format("{} ({}) refuses: {}\n", member.state.region, member.address,
                              reply.error().detail);
  co_return false;
}

rt::Task<Result<Outcome>> join(rt::Host& host, const MeshInvocation& invocation) {
  CO_TRY(auto named, co_await find_named(host, invocation));
  auto& members = named.members;
  CO_TRY_VOID(co_await need_masters(members));
  Outcome outcome;
  tell_silent(named, invocation, outcome);
  for (auto& member : members) {
    // Alone it is told that it stays, whom nobody is left to take back.
    const bool is_itself = member.state.self.region == invocation.id;
    if (is_itself && invocation.urls.size() > 1) continue;
    redis::Words words{"GEO.JOIN", std::to_string(invocation.id)};
    const bool has_obeyed = co_await tell(member, std::move(words), outcome);
    if (!has_obeyed) continue;
    outcome.text +=
        is_itself ? fmt::format("{}: it stays, and calls the others back\n", member.state.region)
                  : fmt::format(
                        "{}: region {} counts as a member; metadata is kept "
                        "until it has announced what it has\n",
                        member.state.region, invocation.id);
  }
  co_return outcome;
}

// What the region that goes has made and others lack is lost with it, unless it is drained first.
rt::Task<Result<Outcome>> detach(rt::Host& host, const MeshInvocation& invocation) {
  CO_TRY(auto named, co_await find_named(host, invocation));
  auto& members = named.members;
  CO_TRY_VOID(co_await need_masters(members));
  const auto all = all_of(members);
  Outcome outcome;
  tell_silent(named, invocation, outcome);
  bool has_told = false;
  bool has_others = false;
  for (auto& member : members) {
    if (member.state.self.region == invocation.id) continue;
    has_others = true;
    const auto missing = lacks(member.state.vector, all, invocation.id);
    redis::Words words{"GEO.DETACH", std::to_string(invocation.id)};
    const bool has_obeyed = co_await tell(member, std::move(words), outcome);
    if (!has_obeyed) continue;
    has_told = true;
    outcome.text += fmt::format("{}: region {} counts no more, its ops are refused from here on",
                                member.state.region, invocation.id);
    if (missing > 0) {
      outcome.is_well = false;
      outcome.text += fmt::format("; {} of its ops that others have are missing here", missing);
    }
    outcome.text += "\n";
  }
  if (!has_others) {
    co_return fail(Errc::kRejected, fmt::format("only region {} itself is named: name the masters "
                                                "of those that are to go on without it",
                                                invocation.id));
  }
  if (has_told)
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
  if (!client) co_return tl::unexpected(of_server(member.address, client.error()));
  member.client = *std::move(client);
  auto state = co_await state_of(*member.client);
  if (!state) co_return tl::unexpected(of_server(member.address, state.error()));
  member.state = *std::move(state);
  co_return member;
}

Result<> check_unique(const std::vector<Member>& members) {
  std::set<crdt::RegionId> seen;
  for (const auto& member : members) {
    if (seen.insert(member.state.self.region).second) continue;
    return fail(Errc::kRejected, fmt::format("{}: another of the servers named is of region {} "
                                             "too: name one server of each region, and give "
                                             "regions different ids",
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
    redis::ClientOptions options = client_options(invocation);
    co_return co_await status(host, invocation, std::move(options));
  }
  if (invocation.command == "join") co_return co_await join(host, invocation);
  if (invocation.command == "detach") co_return co_await detach(host, invocation);
  CO_TRY(auto members, co_await find_members(host, invocation.urls, client_options(invocation)));
  if (invocation.command == "conflicts") co_return co_await conflicts(members, invocation);
  // Who does not answer at all is not waited for as long as a digest may take.
  redis::ClientOptions patient = client_options(invocation);
  patient.timeout = kDigestTimeout;
  CO_TRY(members, co_await find_members(host, invocation.urls, std::move(patient)));
  co_return co_await verify(host, members, invocation.settings);
}

}  // namespace sluice::geo
