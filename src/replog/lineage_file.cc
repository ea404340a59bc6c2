#include "replog/lineage_file.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <system_error>

#include "replog/file_names.h"

namespace sluice::replog {
namespace {

using nlohmann::json;

json position_json(const repl::Position& at) {
  return {{"replid", std::string(at.id.text())}, {"offset", at.offset.bytes()}};
}

Result<repl::Position> position_in(const json& object) {
  TRY(const auto text, string_in(object, "replid"));
  const auto id = repl::ReplId::parse(text);
  if (!id) return fail(Errc::kCorrupt, id.error().detail);
  TRY(const auto offset, number_in(object, "offset"));
  return repl::Position{*id, repl::Offset{offset}};
}

json snapshot_json(const Snapshot& snapshot) {
  json object = position_json(snapshot.at);
  object["file"] = snapshot.file_name;
  object["db"] = snapshot.db;
  object["bytes"] = snapshot.bytes;
  object["keys"] = snapshot.keys;
  object["wall_ms"] = static_cast<std::uint64_t>(std::max<std::int64_t>(snapshot.wall_ms, 0));
  return object;
}

Result<Snapshot> snapshot_in(const json& object) {
  Snapshot snapshot;
  TRY(snapshot.at, position_in(object));
  TRY(snapshot.file_name, string_in(object, "file"));
  TRY(const auto db, number_in(object, "db"));
  TRY(snapshot.bytes, number_in(object, "bytes"));
  TRY(snapshot.keys, number_in(object, "keys"));
  TRY(const auto wall_ms, number_in(object, "wall_ms"));
  if (db > kDatabaseMax) return fail(Errc::kCorrupt, "a snapshot's db is out of range");
  if (!is_snapshot_file(snapshot.file_name) || snapshot.file_name.find('/') != std::string::npos) {
    return fail(Errc::kCorrupt, "a snapshot's file name is impossible");
  }
  snapshot.db = static_cast<std::uint32_t>(db);
  snapshot.wall_ms = static_cast<std::int64_t>(wall_ms);
  return snapshot;
}

std::string hex(const EntryText& text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    digits.append({kDigits[byte >> 4], kDigits[byte & 0xf]});
  }
  return digits;
}

Result<BlockEntry> entry_from_hex(std::string_view digits) {
  EntryText text{};
  if (digits.size() != 2 * text.size()) return fail(Errc::kCorrupt, "\"cut\" is impossible");
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const char* at = digits.data() + 2 * i;
    const auto [end, error] = std::from_chars(at, at + 2, byte, 16);
    if (error != std::errc{} || end != at + 2) {
      return fail(Errc::kCorrupt, "\"cut\" is impossible");
    }
    text[i] = static_cast<char>(byte);
  }
  return decode({text.data(), text.size()});
}

json cut_json(const Cut& cut) {
  return {{"offset", cut.at.bytes()},
          {"segment", cut.segment.bytes()},
          {"entries", cut.entries},
          {"last", hex(encode(cut.last))}};
}

Result<Cut> cut_in(const json& object) {
  Cut cut;
  TRY(const auto at, number_in(object, "offset"));
  TRY(const auto segment, number_in(object, "segment"));
  TRY(const auto last, string_in(object, "last"));
  TRY(cut.entries, number_in(object, "entries"));
  TRY(cut.last, entry_from_hex(last));
  cut.at = repl::Offset{at};
  cut.segment = repl::Offset{segment};
  const bool ends_there = cut.entries == 0 ? cut.at == cut.segment : cut.last.end() == cut.at;
  if (cut.segment > cut.at || !ends_there) return fail(Errc::kCorrupt, "\"cut\" is impossible");
  return cut;
}

Result<> check_order(const LineageFile& lineage) {
  const auto& origins = lineage.origins;
  const auto earlier = [](const auto& a, const auto& b) { return a.offset < b.offset; };
  if (origins.empty()) return fail(Errc::kCorrupt, "it names no replid");
  if (!std::ranges::is_sorted(origins, earlier)) {
    return fail(Errc::kCorrupt, "its replids are not in order");
  }
  if (lineage.begin < origins.front().offset) {
    return fail(Errc::kCorrupt, "it begins before its first replid");
  }
  return {};
}

}  // namespace

json to_json(const LineageFile& lineage) {
  json body{{"format", LineageFile::kFormat},     {"begin", lineage.begin.bytes()},
            {"durable", lineage.durable.bytes()}, {"next_snapshot", lineage.next_snapshot},
            {"first_db", lineage.first_db},       {"origins", json::array()},
            {"snapshots", json::array()},         {"diverged", lineage.diverged}};
  for (const auto& origin : lineage.origins) body["origins"].push_back(position_json(origin));
  for (const auto& each : lineage.snapshots) body["snapshots"].push_back(snapshot_json(each));
  if (lineage.cut) body["cut"] = cut_json(*lineage.cut);
  for (const auto& each : lineage.shared) body["shared"].push_back(position_json(each));
  return body;
}

Result<LineageFile> lineage_from_json(const json& body) {
  TRY(const auto format, number_in(body, "format"));
  if (format > LineageFile::kFormat) return fail(Errc::kRejected, "it is from a newer release");
  LineageFile lineage;
  TRY(const auto begin, number_in(body, "begin"));
  TRY(const auto durable, number_in(body, "durable"));
  TRY(const auto next_snapshot, number_in(body, "next_snapshot"));
  TRY(const auto first_db, number_in(body, "first_db"));
  if (first_db > kDatabaseMax) return fail(Errc::kCorrupt, "\"first_db\" is out of range");
  lineage.first_db = static_cast<std::uint32_t>(first_db);
  lineage.begin = repl::Offset{begin};
  lineage.durable = repl::Offset{durable};
  lineage.next_snapshot = static_cast<std::uint32_t>(next_snapshot);
  TRY(const auto* origins, array_in(body, "origins"));
  for (const auto& each : *origins) {
    TRY(const auto origin, position_in(each));
    lineage.origins.push_back(origin);
  }
  TRY(const auto* snapshots, array_in(body, "snapshots"));
  for (const auto& each : *snapshots) {
    TRY(auto snapshot, snapshot_in(each));
    lineage.snapshots.push_back(std::move(snapshot));
  }
  TRY(const auto* diverged, array_in(body, "diverged"));
  for (const auto& name : *diverged) {
    if (!name.is_string()) return fail(Errc::kCorrupt, "\"diverged\" holds no names");
    lineage.diverged.push_back(name.get<std::string>());
  }
  if (body.contains("cut")) {
    TRY(lineage.cut, cut_in(body["cut"]));
  }
  if (body.contains("shared")) {
    TRY(const auto* shared, array_in(body, "shared"));
    for (const auto& each : *shared) {
      TRY(const auto position, position_in(each));
      lineage.shared.push_back(position);
    }
  }
  TRY_VOID(check_order(lineage));
  return lineage;
}

Result<> save_lineage(rt::Directory& directory, const LineageFile& lineage) {
  return save_metadata(directory, kLineageFile, to_json(lineage));
}

Result<LineageFile> load_lineage(rt::Directory& directory) {
  const std::string where = directory.path() + "/" + std::string(kLineageFile) + ": ";
  const auto body = load_metadata(directory, kLineageFile);
  if (!body && body.error().code == Errc::kNotFound) {
    return fail(Errc::kCorrupt, where + "it is missing");
  }
  if (!body) return tl::unexpected(body.error());
  auto lineage = lineage_from_json(*body);
  if (lineage) return lineage;
  return fail(lineage.error().code, where + lineage.error().detail);
}

std::vector<repl::Mark> LineageFile::marks() const {
  std::vector<repl::Mark> known{{.offset = origins.front().offset, .db = first_db}};
  for (const Snapshot& each : snapshots) known.push_back({.offset = each.at.offset, .db = each.db});
  return known;
}

void switch_origin(LineageFile& lineage, const repl::Position& to,
                   std::optional<repl::Offset> predecessor_end) {
  auto& origins = lineage.origins;
  auto& shared = lineage.shared;
  const auto predecessor = origins.back().id;
  while (origins.size() > 1 && origins.back().offset > to.offset) origins.pop_back();
  const bool is_in_line = origins.back().id == predecessor;
  const auto end =
      std::max(to.offset, is_in_line ? predecessor_end.value_or(to.offset) : to.offset);
  for (auto& each : shared) each.offset = std::min(each.offset, end);
  if (is_in_line) shared.push_back({predecessor, end});
  std::erase_if(shared, [&](const auto& each) {
    return std::ranges::none_of(origins, [&](const auto& origin) { return origin.id == each.id; });
  });
  if (origins.back().id != to.id) origins.push_back(to);
  std::erase_if(lineage.snapshots,
                [&](const Snapshot& each) { return each.at.offset > to.offset; });
  lineage.durable = std::min(lineage.durable, to.offset);
}

std::vector<repl::Position> inherited(const LineageFile& lineage) {
  std::vector<repl::Position> ended;
  for (std::size_t i = 0; i + 1 < lineage.origins.size(); ++i) {
    repl::Position last{lineage.origins[i].id, lineage.origins[i + 1].offset};
    for (const auto& each : lineage.shared) {
      if (each.id == last.id) last.offset = std::max(last.offset, each.offset);
    }
    ended.push_back(last);
  }
  return ended;
}

}  // namespace sluice::replog
