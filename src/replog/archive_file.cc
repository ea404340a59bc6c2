#include "replog/archive_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "repl/position.h"
#include "replog/file_names.h"

namespace sluice::replog {
namespace {

using nlohmann::json;

Result<std::string> lineage_in(const json& object) {
  TRY(auto name, string_in(object, "lineage"));
  if (!is_lineage_name(name)) return fail(Errc::kCorrupt, "a lineage's name is impossible");
  return name;
}

Result<ArchiveFile::Incoming> incoming_in(const json& object) {
  ArchiveFile::Incoming incoming;
  TRY(incoming.lineage, lineage_in(object));
  if (object.contains("quarantine")) {
    TRY(incoming.quarantine, string_in(object, "quarantine"));
  }
  return incoming;
}

Result<ArchiveFile::Retired> retired_in(const json& object) {
  ArchiveFile::Retired retired;
  TRY(retired.lineage, lineage_in(object));
  TRY(const auto wall_ms, number_in(object, "wall_ms"));
  retired.wall_ms = static_cast<std::int64_t>(wall_ms);
  return retired;
}

}  // namespace

bool ArchiveFile::names(const std::string& lineage) const {
  return active == lineage || (incoming && incoming->lineage == lineage) ||
         std::ranges::any_of(retired, [&](const Retired& each) { return each.lineage == lineage; });
}

json to_json(const ArchiveFile& archive) {
  json body{{"format", ArchiveFile::kFormat},
            {"keeper_id", archive.keeper_id},
            {"next_lineage", archive.next_lineage},
            {"retired", json::array()}};
  if (archive.active) body["active"] = {{"lineage", *archive.active}};
  if (archive.incoming) {
    body["incoming"] = {{"lineage", archive.incoming->lineage}};
    if (archive.incoming->quarantine) {
      body["incoming"]["quarantine"] = *archive.incoming->quarantine;
    }
  }
  for (const auto& each : archive.retired) {
    const auto wall_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(each.wall_ms, 0));
    body["retired"].push_back({{"lineage", each.lineage}, {"wall_ms", wall_ms}});
  }
  return body;
}

Result<ArchiveFile> archive_from_json(const json& body) {
  TRY(const auto format, number_in(body, "format"));
  if (format > ArchiveFile::kFormat) return fail(Errc::kRejected, "it is from a newer release");
  ArchiveFile archive;
  TRY(archive.keeper_id, string_in(body, "keeper_id"));
  if (!repl::ReplId::parse(archive.keeper_id)) {
    return fail(Errc::kCorrupt, "\"keeper_id\" is not 40 hexadecimal digits");
  }
  TRY(archive.next_lineage, number_in(body, "next_lineage"));
  if (body.contains("active")) {
    TRY(archive.active, lineage_in(body["active"]));
  }
  if (body.contains("incoming")) {
    TRY(archive.incoming, incoming_in(body["incoming"]));
  }
  TRY(const auto* retired, array_in(body, "retired"));
  for (const auto& each : *retired) {
    TRY(auto one, retired_in(each));
    archive.retired.push_back(std::move(one));
  }
  return archive;
}

Result<> save_archive(rt::Directory& directory, const ArchiveFile& archive) {
  return save_metadata(directory, kArchiveFile, to_json(archive));
}

Result<ArchiveFile> load_archive(rt::Directory& directory) {
  TRY(const auto body, load_metadata(directory, kArchiveFile));
  auto archive = archive_from_json(body);
  if (archive) return archive;
  const std::string where = directory.path() + "/" + std::string(kArchiveFile) + ": ";
  return fail(archive.error().code, where + archive.error().detail);
}

}  // namespace sluice::replog
