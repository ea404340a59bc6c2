#include "lab/wan_status.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "lab/table.h"

namespace sluice::lab {
namespace {

using nlohmann::json;

tl::unexpected<Error> not_ours(std::string_view what) {
  return fail(Errc::kRejected, fmt::format("a WAN's {} is not as expected", what));
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

json conditions_json(const wan::Conditions& conditions) {
  auto copy = conditions;
  json object = json::object();
  const base::Settings settings(copy, wan::kConditionFields);
  for (const auto& setting : settings.all()) {
    object[std::string(setting->name)] = setting->written().front();
  }
  return object;
}

Result<wan::Conditions> conditions_of(const json& object) {
  wan::Conditions conditions;
  base::Settings settings(conditions, wan::kConditionFields);
  for (const auto& [key, value] : object.items()) {
    TRY_VOID(settings.assign({.key = key, .values = {value.get<std::string>()}, .where = key}));
  }
  return conditions;
}

struct NamedCounter {
  const char* name;
  std::uint64_t wan::Counters::* member;
};
constexpr NamedCounter kCounters[] = {
    {"offered", &wan::Counters::offered},
    {"offered_bytes", &wan::Counters::offered_bytes},
    {"delivered", &wan::Counters::delivered},
    {"delivered_bytes", &wan::Counters::delivered_bytes},
    {"lost", &wan::Counters::lost},
    {"queue_full", &wan::Counters::queue_full},
    {"cut", &wan::Counters::cut},
    {"reordered", &wan::Counters::reordered},
    {"flight_full", &wan::Counters::flight_full},
};

json direction_json(const WanDirectionStatus& way) {
  json object{{"from", way.from},
              {"to", way.to},
              {"cut_ns", way.cut.count()},
              {"conditions", conditions_json(way.conditions)}};
  for (const auto& counter : kCounters) {
    object["counters"][counter.name] = way.counters.*counter.member;
  }
  return object;
}

Result<WanDirectionStatus> direction_of(const json& object) {
  WanDirectionStatus way;
  way.from = object.at("from");
  way.to = object.at("to");
  way.cut = std::chrono::nanoseconds(object.at("cut_ns").get<std::int64_t>());
  TRY(way.conditions, conditions_of(object.at("conditions")));
  for (const auto& counter : kCounters) {
    way.counters.*counter.member = object.at("counters").at(counter.name);
  }
  return way;
}

Result<WanStatus> status_of(const json& object) {
  if (object.contains("error")) return fail(Errc::kRejected, object.at("error"));
  WanStatus status;
  status.name = object.at("name");
  status.seed = object.at("seed");
  for (const auto& side : object.at("sides")) {
    status.sides.push_back(
        {side.at("name"), side.at("address"), side.at("netns"), side.at("missed")});
  }
  for (const auto& each : object.at("directions")) {
    TRY(auto way, direction_of(each));
    status.directions.push_back(std::move(way));
  }
  return status;
}

WanChange change_of(const json& object) {
  WanChange change;
  change.directions = {object.at("from"), object.at("to")};
  change.cut = std::chrono::nanoseconds(object.at("cut_ns").get<std::int64_t>());
  change.heals = object.at("heals");
  change.clears = object.at("clears");
  for (const auto& [key, value] : object.at("conditions").items()) {
    std::string flag = "--" + key;
    change.conditions.push_back({.key = key,
                                 .values = {value.get<std::string>()},
                                 .kind = base::Assignment::Kind::kWord,
                                 .where = std::move(flag)});
  }
  return change;
}

}  // namespace

std::string to_line(const WanChange& change) {
  json conditions = json::object();
  for (const auto& given : change.conditions) conditions[given.key] = given.values.front();
  return dump({{"from", change.directions.from},
               {"to", change.directions.to},
               {"cut_ns", change.cut.count()},
               {"heals", change.heals},
               {"clears", change.clears},
               {"conditions", conditions}});
}

Result<WanChange> parse_change(std::string_view line) {
  try {
    return change_of(json::parse(line));
  } catch (const json::exception& e) {
    return not_ours("request");
  }
}

std::string to_line(const Result<WanStatus>& status) {
  if (!status) return dump({{"error", status.error().detail}});
  json object{{"name", status->name},
              {"seed", status->seed},
              {"sides", json::array()},
              {"directions", json::array()}};
  for (const auto& side : status->sides) {
    object["sides"].push_back({{"name", side.name},
                               {"address", side.address},
                               {"netns", side.netns},
                               {"missed", side.missed}});
  }
  for (const auto& way : status->directions) object["directions"].push_back(direction_json(way));
  return dump(object);
}

Result<WanStatus> parse_status(std::string_view line) {
  try {
    return status_of(json::parse(line));
  } catch (const json::exception& e) {
    return not_ours("answer");
  }
}

std::string to_text(const WanStatus& status) {
  std::string text = fmt::format("{}, seed {}\n", status.name, status.seed);
  for (const auto& side : status.sides) {
    text += fmt::format("  {}  {}  {}", side.name, side.address, side.netns);
    text += side.missed > 0 ? fmt::format("  missed {} packets\n", side.missed) : "\n";
  }
  Table table({"", "delay", "jitter", "loss", "in bursts", "reorder", "rate", "queue", "cut for",
               "packets", "bytes", "lost", "queue full", "cut"});
  for (const auto& way : status.directions) {
    const auto& c = way.conditions;
    const auto& n = way.counters;
    table.add({way.from + " > " + way.to, base::to_string(c.delay), base::to_string(c.jitter),
               wan::to_string(c.loss), wan::to_string(c.burst_loss), wan::to_string(c.reorder),
               wan::to_string(c.rate), wan::to_string(c.queue), base::to_rounded(way.cut),
               count_text(n.offered), bytes_text(static_cast<double>(n.offered_bytes)),
               count_text(n.lost), count_text(n.queue_full), count_text(n.cut)});
  }
  return text + table.text();
}

}  // namespace sluice::lab
