// archive.json: which lineage is what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replog/metadata_file.h"

namespace sluice::replog {

struct ArchiveFile {
  static constexpr std::uint64_t kFormat = 1;

  struct Incoming {
    std::string lineage;
    std::optional<std::string> quarantine;  // the reason; absent while loading
  };
  struct Retired {
    std::string lineage;
    std::int64_t wall_ms = 0;
  };

  std::string keeper_id;  // 40 hex digits
  std::uint64_t next_lineage = 1;
  std::optional<std::string> active;
  std::optional<Incoming> incoming;
  std::vector<Retired> retired;  // oldest first

  bool names(const std::string& lineage) const;
};

nlohmann::json to_json(const ArchiveFile& archive);
Result<ArchiveFile> archive_from_json(const nlohmann::json& body);

Result<> save_archive(rt::Directory& directory, const ArchiveFile& archive);
Result<ArchiveFile> load_archive(rt::Directory& directory);  // kNotFound: a new folder

}  // namespace sluice::replog
