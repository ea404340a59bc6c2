#include "geo/status.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/text_table.h"

namespace sluice::geo {
namespace {

// Of unstable-bytes-max: from here on somebody should know.
constexpr double kMuchOfTheLimit = 0.5;
// Of what the module keeps to send again (64 MiB): beyond, a keeper that begins anew needs a snapshot.
constexpr std::uint64_t kMuchRetained = std::uint64_t{48} << 20U;
constexpr std::uint64_t kBehindMs = 10'000;  // as the module's away-min-ms

std::set<crdt::RegionId> origins_of(const std::vector<Seat>& seats) {
  std::set<crdt::RegionId> origins;
  for (const auto& seat : seats) {
    for (const auto& [origin, lack] : seat.lacks) origins.insert(origin);
  }
  return origins;
}

bool answers(crdt::RegionId region, const std::vector<Seat>& seats) {
  return std::ranges::any_of(
      seats, [&](const Seat& seat) { return seat.answers() && seat.region == region; });
}

std::string name_of(crdt::RegionId region, const std::vector<Seat>& seats) {
  const auto at = std::ranges::find_if(
      seats, [&](const Seat& seat) { return seat.answers() && seat.region == region; });
  return at == seats.end() ? fmt::format("region {}", region) : at->name;
}

std::vector<crdt::RegionId> ids(std::string_view list) {
  std::vector<crdt::RegionId> found;
  unsigned id = 0;
  for (const char c : std::string(list) + ",") {
    if (c == ',') {
      if (id > 0 && id <= crdt::kRegionIdMax) found.push_back(static_cast<crdt::RegionId>(id));
      id = 0;
    } else if (c >= '0' && c <= '9') {
      id = id * 10 + static_cast<unsigned>(c - '0');
    }
  }
  return found;
}

std::string text_of_ms(std::uint64_t ms) {
  return base::duration_text(static_cast<double>(ms) / 1000);
}

std::string bytes_of(const redis::Info& info, std::string_view field) {
  return base::bytes_text(static_cast<double>(info.number(field)));
}

std::string lack_text(const Backlog& lack) {
  if (lack.ops == 0) return "0";
  const auto ops = base::count_text(lack.ops);
  return lack.ms ? fmt::format("{} ({})", ops, text_of_ms(*lack.ms)) : ops;
}

std::string fast_share(const redis::Info& info) {
  const auto remote = info.number("remote_ops");
  if (remote == 0) return "-";
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(info.number("fast_ops")) /
                                     static_cast<double>(remote));
}

std::uint64_t conflicts_of(const redis::Info& info) {
  return info.number("conflicts_lww") + info.number("conflicts_type") +
         info.number("conflicts_remove");
}

std::string state_of(const Seat& seat) {
  if (!seat.answers()) return "no answer";
  if (seat.info.field("role") == "replica") return "a replica";
  if (seat.info.field("merging") == "yes") return "merging";
  if (seat.info.field("must_rejoin") == "yes") return "must rejoin";
  if (seat.info.field("adopting") == "yes") return "telling old data";
  return "in the mesh";
}

// --- alerts -----------------------------------------------------------------------------------------

void tell_silent(const std::vector<Seat>& seats, std::vector<std::string>& alerts) {
  for (const auto& seat : seats) {
    if (!seat.answers()) alerts.push_back("no answer from " + seat.why);
  }
}

void tell_replica(const Seat& seat, std::vector<std::string>& alerts) {
  if (seat.info.field("role") != "replica") return;
  alerts.push_back(
      fmt::format("{} is a replica of region {}: name its master", seat.address, seat.name));
}

void tell_departed(const std::vector<Seat>& seats, std::vector<std::string>& alerts) {
  std::map<crdt::RegionId, std::vector<std::string>> gone;
  for (const auto& seat : seats) {
    for (const auto region : ids(seat.info.field("detached"))) gone[region].push_back(seat.name);
  }
  for (const auto& [region, by] : gone) {
    alerts.push_back(
        fmt::format("{} was told to leave, by {}: nobody waits for it, its ops are refused; it "
                    "comes back by a snapshot "
                    "when it is heard again",
                    name_of(region, seats), fmt::join(by, " and ")));
  }
}

void tell_rejoining(const Seat& seat, std::vector<std::string>& alerts) {
  const auto& info = seat.info;
  if (info.field("merging") == "yes") {
    alerts.push_back(fmt::format("{} merges the snapshot of {}: {} keys so far", seat.name,
                                 info.field("merging_from"),
                                 base::count_text(info.number("merged_keys"))));
  } else if (info.field("must_rejoin") == "yes") {
    alerts.push_back(
        seat.name +
        " must rejoin, and waits for a snapshot; if this stays, look at the log of its link");
  }
}

// Of a peer that answers we know what it lacks; of another what it has not said to have.
void tell_behind(const Seat& seat, const std::vector<Seat>& seats,
                 std::vector<std::string>& alerts) {
  for (const auto& [origin, lack] : seat.lacks) {
    if (lack.ops == 0 || lack.ms.value_or(0) < kBehindMs) continue;
    alerts.push_back(fmt::format("{} lacks {} ops of {}, the oldest {} old", seat.name,
                                 base::count_text(lack.ops), name_of(origin, seats),
                                 text_of_ms(*lack.ms)));
  }
  for (const auto peer : ids(seat.info.field("peers"))) {
    const auto field = fmt::format("peer_{}", peer);
    const auto silent = seat.info.part(field, "heard_ms_ago");
    const auto ops = seat.info.part(field, "unpromised_ops");
    const auto ms = seat.info.part(field, "unpromised_ms");
    const bool is_heard = seat.info.field(field).find("heard_ms_ago=-1") == std::string_view::npos;
    if (answers(peer, seats) || ops == 0 || ms < kBehindMs || (is_heard && silent < kBehindMs))
      continue;
    alerts.push_back(
        fmt::format("{} has not heard {} for {}, and keeps {} ops for it, the oldest {} old",
                    seat.name, name_of(peer, seats), is_heard ? text_of_ms(silent) : "ever",
                    base::count_text(ops), text_of_ms(ms)));
  }
}

void tell_numbers(const Seat& seat, std::vector<std::string>& alerts) {
  const auto& info = seat.info;
  const auto limit = info.number("unstable_bytes_max");
  const auto kept = info.number("unstable_bytes");
  if (limit > 0 && static_cast<double>(kept) > kMuchOfTheLimit * static_cast<double>(limit)) {
    alerts.push_back(fmt::format(
        "{} keeps {} of metadata; at {} (unstable-bytes-max) who is away is told to leave",
        seat.name, bytes_of(info, "unstable_bytes"), bytes_of(info, "unstable_bytes_max")));
  }
  if (info.number("retained_bytes") > kMuchRetained) {
    alerts.push_back(fmt::format(
        "{} keeps {} of batches to send again: a keeper that begins anew may need a snapshot",
        seat.name, bytes_of(info, "retained_bytes")));
  }
  if (info.number("misnoted_ops") > 0) {
    alerts.push_back(fmt::format("{} has {} misnoted ops: its log names the key", seat.name,
                                 info.number("misnoted_ops")));
  }
  if (info.number("retold_keys") > 0) {
    alerts.push_back(fmt::format(
        "{} has told {} keys by their values after its AOF was torn off: increments and list "
        "elements of that turn may count twice",
        seat.name, info.number("retold_keys")));
  }
}

// --- texts ------------------------------------------------------------------------------------------

nlohmann::json vector_json(const crdt::VersionVector& vector) {
  nlohmann::json entries = nlohmann::json::array();
  for (const auto& dot : vector.entries()) {
    entries.push_back({dot.actor.region, dot.actor.incarnation, dot.seq});
  }
  return entries;
}

nlohmann::json peers_json(const redis::Info& info) {
  nlohmann::json peers = nlohmann::json::object();
  for (const auto peer : ids(info.field("peers"))) {
    const auto field = fmt::format("peer_{}", peer);
    peers[std::to_string(peer)] = {{"heard_ms_ago", info.part(field, "heard_ms_ago")},
                                   {"unpromised_ops", info.part(field, "unpromised_ops")},
                                   {"unpromised_ms", info.part(field, "unpromised_ms")}};
  }
  return peers;
}

nlohmann::json seat_json(const Seat& seat) {
  if (!seat.answers())
    return {{"address", seat.address}, {"state", "no answer"}, {"why", seat.why}};
  nlohmann::json lag_ops = nlohmann::json::object();
  nlohmann::json lag_ms = nlohmann::json::object();
  for (const auto& [origin, lack] : seat.lacks) {
    lag_ops[std::to_string(origin)] = lack.ops;
    if (lack.ops == 0 || lack.ms) lag_ms[std::to_string(origin)] = lack.ops == 0 ? 0 : *lack.ms;
  }
  nlohmann::json positions = nlohmann::json::object();
  for (const auto& one : seat.positions) {
    positions[one.source] = {{"replid", one.position.id.text()},
                             {"offset", one.position.offset.bytes()}};
  }
  const auto& info = seat.info;
  return {{"region", seat.name},
          {"id", seat.region},
          {"incarnation", seat.incarnation},
          {"address", seat.address},
          {"state", state_of(seat)},
          {"vector", vector_json(seat.vector)},
          {"lag_ops", std::move(lag_ops)},
          {"lag_ms", std::move(lag_ms)},
          {"peers", peers_json(info)},
          {"detached", ids(info.field("detached"))},
          {"unstable_keys", info.number("unstable_keys")},
          {"unstable_bytes", info.number("unstable_bytes")},
          {"unstable_bytes_max", info.number("unstable_bytes_max")},
          {"retained_bytes", info.number("retained_bytes")},
          {"conflicts", conflicts_of(info)},
          {"conflicts_by_kind",
           {{"last_writer", info.number("conflicts_lww")},
            {"type", info.number("conflicts_type")},
            {"remove", info.number("conflicts_remove")}}},
          {"local_ops", info.number("local_ops")},
          {"remote_ops", info.number("remote_ops")},
          {"fast_ops", info.number("fast_ops")},
          {"positions", std::move(positions)}};
}

// --- asking -----------------------------------------------------------------------------------------

rt::Task<Result<>> ask(Member& member, Seat& seat) {
  redis::Words words{"GEO.INFO", "QUICK"};
  CO_TRY(const auto reply, co_await member.client->need(std::move(words)));
  seat.info = redis::Info::parse(reply.text);
  seat.region = member.state.self.region;
  seat.name = member.state.region;
  seat.incarnation = member.state.self.incarnation;
  seat.vector = member.state.vector;
  seat.positions = member.state.positions;
  co_return Result<>{};
}

// The origin knows when it made what others lack.
rt::Task<void> ask_ages(std::vector<Member>& members, const crdt::VersionVector& all,
                        std::vector<Seat*> seats) {
  for (auto& member : members) {
    const auto origin = member.state.self.region;
    for (Seat* const seat : seats) {
      for (const auto& dot : all.entries()) {
        const auto has = seat->vector.at(dot.actor);
        if (dot.actor.region != origin || has >= dot.seq) continue;
        redis::Words words{"GEO.AGE", std::to_string(dot.actor.incarnation), std::to_string(has)};
        const auto reply = co_await member.client->call(std::move(words));
        if (reply && reply->kind == resp::Reply::Kind::kInteger && reply->integer >= 0)
          seat->lacks[origin].ms = static_cast<std::uint64_t>(reply->integer);
        break;
      }
    }
  }
}

}  // namespace

std::vector<std::string> alerts_of(const std::vector<Seat>& seats) {
  std::vector<std::string> alerts;
  tell_silent(seats, alerts);
  tell_departed(seats, alerts);
  for (const auto& seat : seats) {
    if (!seat.answers()) continue;
    tell_replica(seat, alerts);
    tell_rejoining(seat, alerts);
    tell_behind(seat, seats, alerts);
    tell_numbers(seat, alerts);
  }
  return alerts;
}

std::string status_text(const std::vector<Seat>& seats) {
  const auto origins = origins_of(seats);
  std::vector<std::string> header{"region", "id", "master", "state", "waits for"};
  for (const auto origin : origins) header.push_back("lacks of " + name_of(origin, seats));
  for (const char* const name : {"unstable keys", "metadata", "conflicts", "fast path"})
    header.emplace_back(name);
  base::TextTable table(std::move(header));
  std::string vectors;
  for (const auto& seat : seats) {
    if (!seat.answers()) {
      table.add({"?", "?", seat.address, state_of(seat)});
      continue;
    }
    std::string waits;
    for (const auto peer : ids(seat.info.field("peers")))
      waits += (waits.empty() ? "" : " ") + name_of(peer, seats);
    std::vector<std::string> row{seat.name, std::to_string(seat.region), seat.address,
                                 state_of(seat), waits.empty() ? "nobody" : waits};
    for (const auto origin : origins) {
      const auto at = seat.lacks.find(origin);
      row.push_back(at == seat.lacks.end() ? "?" : lack_text(at->second));
    }
    row.push_back(base::count_text(seat.info.number("unstable_keys")));
    row.push_back(bytes_of(seat.info, "unstable_bytes"));
    row.push_back(base::count_text(conflicts_of(seat.info)));
    row.push_back(fast_share(seat.info));
    table.add(std::move(row));
    vectors += fmt::format("{} has {}\n", seat.name, to_string(seat.vector));
  }
  std::string text = table.text() + "\n";
  for (const auto& alert : alerts_of(seats)) text += "ALERT " + alert + "\n";
  return text + vectors;
}

std::string status_json(const std::vector<Seat>& seats) {
  nlohmann::json regions = nlohmann::json::array();
  for (const auto& seat : seats) regions.push_back(seat_json(seat));
  const nlohmann::json body{{"regions", std::move(regions)}, {"alerts", alerts_of(seats)}};
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

rt::Task<Result<Outcome>> status(rt::Host& host, const MeshInvocation& invocation,
                                 redis::ClientOptions options) {
  std::vector<Seat> seats;
  std::vector<Member> members;
  for (const auto& url : invocation.urls) {
    Seat seat;
    seat.address = base::to_string(url.endpoint);
    base::RedisUrl to = url;
    redis::ClientOptions how = options;
    auto member = co_await find_member(host, std::move(to), std::move(how));
    Result<> asked;
    if (member) asked = co_await ask(*member, seat);
    if (!member) seat.why = member.error().detail;
    if (!asked) seat.why = seat.address + ": " + asked.error().detail;
    if (member && asked) members.push_back(*std::move(member));
    CO_TRY_VOID(check_unique(members));
    seats.push_back(std::move(seat));
  }
  const auto all = all_of(members);
  std::vector<Seat*> answering;
  for (auto& seat : seats) {
    if (!seat.answers()) continue;
    for (const auto& dot : all.entries())
      seat.lacks[dot.actor.region].ops = lacks(seat.vector, all, dot.actor.region);
    answering.push_back(&seat);
  }
  const bool is_well = answering.size() == seats.size();
  co_await ask_ages(members, all, std::move(answering));
  Outcome outcome{invocation.settings.json ? status_json(seats) : status_text(seats), is_well};
  co_return outcome;
}

}  // namespace sluice::geo
