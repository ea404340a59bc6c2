#include "geo/verify.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "geo/key_compare.h"

namespace sluice::geo {
namespace {

using Slots = std::map<std::uint16_t, std::string>;  // and their digests

struct Digest {
  crdt::VersionVector vector;
  Slots slots;
};

struct Comparison {
  bool has_moment = false;        // a moment at which vectors were equal
  std::set<std::uint16_t> slots;  // that differ there
  std::uint64_t slots_seen = 0;
};

constexpr auto kPause = std::chrono::milliseconds(50);
// A difference must be seen this often, for a key that expires between two digests is none.
constexpr int kLooks = 3;

Result<Digest> parse_digest(const resp::Reply& reply) {
  if (reply.elements.empty()) return fail(Errc::kProtocol, "GEO.DIGEST: unexpected answer");
  Digest digest;
  TRY(digest.vector, parse_vector(reply.elements.front()));
  for (std::size_t i = 1; i < reply.elements.size(); ++i) {
    const auto& one = reply.elements[i].elements;
    if (one.size() != 2) return fail(Errc::kProtocol, "GEO.DIGEST: unexpected slot");
    digest.slots[static_cast<std::uint16_t>(one[0].integer)] = one[1].text;
  }
  return digest;
}

rt::Task<Result<std::vector<Digest>>> take_digests(std::vector<Member>& members,
                                                   const std::set<std::uint16_t>& slots) {
  std::vector<Digest> digests;
  for (auto& member : members) {
    redis::Words words{"GEO.DIGEST"};
    for (const auto slot : slots) words.push_back(std::to_string(slot));
    CO_TRY(const auto reply, co_await member.client->need(std::move(words)));
    CO_TRY(auto digest, parse_digest(reply));
    digests.push_back(std::move(digest));
  }
  co_return digests;
}

Comparison compare(const std::vector<Digest>& digests) {
  Comparison comparison;
  const auto& first = digests.front();
  comparison.has_moment =
      std::ranges::all_of(digests, [&](const Digest& one) { return one.vector == first.vector; });
  std::set<std::uint16_t> seen;
  for (const auto& one : digests) {
    for (const auto& [slot, digest] : one.slots) seen.insert(slot);
  }
  comparison.slots_seen = seen.size();
  if (!comparison.has_moment) return comparison;
  for (const auto slot : seen) {
    const auto of = [slot](const Digest& one) {
      const auto at = one.slots.find(slot);
      return at == one.slots.end() ? std::string_view{} : std::string_view(at->second);
    };
    const bool is_equal =
        std::ranges::all_of(digests, [&](const Digest& one) { return of(one) == of(first); });
    if (!is_equal) comparison.slots.insert(slot);
  }
  return comparison;
}

std::string who_lags(const std::vector<Member>& members) {
  const auto all = all_of(members);
  std::string text;
  for (const auto& member : members) {
    for (const auto& origin : members) {
      const auto missing = lacks(member.state.vector, all, origin.state.self.region);
      if (missing == 0) continue;
      text +=
          fmt::format("{} lacks {} ops of {}\n", member.state.region, missing, origin.state.region);
    }
  }
  return text.empty() ? "writes go on: at no moment did all have the same ops\n" : text;
}

std::string to_json(std::string_view verdict, const std::vector<DifferentKey>& keys,
                    std::uint64_t slots) {
  nlohmann::json named = nlohmann::json::array();
  for (const auto& key : keys)
    named.push_back({{"db", key.db}, {"key", key.name}, {"why", key.why}});
  const nlohmann::json body{{"verdict", verdict}, {"slots", slots}, {"keys", std::move(named)}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

rt::Task<Result<Outcome>> name_differences(std::vector<Member>& members,
                                           const MeshSettings& settings, const Comparison& seen) {
  CO_TRY(const auto keys, co_await different_keys(members, seen.slots, settings.count));
  if (settings.json) co_return Outcome{to_json("different", keys, seen.slots_seen), false};
  Outcome outcome{
      fmt::format("{} of {} slots differ at equal vectors\n", seen.slots.size(), seen.slots_seen),
      false};
  for (const auto& key : keys) {
    outcome.text += fmt::format("db {} key {}: {}\n", key.db, key.name, key.why);
  }
  co_return outcome;
}

}  // namespace

rt::Task<Result<Outcome>> verify(rt::Host& host, std::vector<Member>& members,
                                 const MeshSettings& settings) {
  const auto until = host.clock().now() + settings.within;
  std::set<std::uint16_t> suspects;
  int looks = 0;
  for (;;) {
    CO_TRY(const auto digests, co_await take_digests(members, suspects));
    const auto seen = compare(digests);
    if (seen.has_moment && seen.slots.empty() && suspects.empty()) {
      if (settings.json) co_return Outcome{to_json("equal", {}, seen.slots_seen), true};
      co_return Outcome{
          fmt::format("equal: {} regions, {} slots with keys, at {}\n", members.size(),
                      seen.slots_seen, to_string(digests.front().vector)),
          true};
    }
    if (seen.has_moment) {
      suspects = seen.slots;
      if (suspects.empty()) looks = 0;
      if (!suspects.empty() && ++looks >= kLooks) {
        co_return co_await name_differences(members, settings, seen);
      }
    }
    if (host.clock().now() >= until) break;
    co_await rt::sleep(host, kPause);
  }
  CO_TRY_VOID(co_await refresh(members));
  if (settings.json) co_return Outcome{to_json("lagging", {}, 0), false};
  co_return Outcome{"no verdict: regions do not have the same ops\n" + who_lags(members), false};
}

}  // namespace sluice::geo
