// A small JSON document on disk: replaced as a whole or not at all, and damage is noticed.
//
//   {"crc32c":"9a71c0de","body":{ ... }}\n      the checksum is of the text of the body
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rt/file.h"

namespace sluice::replog {

inline constexpr std::uint64_t kMetadataBytesMax = 16ULL << 20;

std::string seal_metadata(const nlohmann::json& body);
Result<nlohmann::json> open_metadata(std::string_view text);  // kCorrupt

// Blocking. Durable on return: written beside, synced, renamed, the directory synced.
Result<> save_metadata(rt::Directory& directory, std::string_view name, const nlohmann::json& body);
// kNotFound, kCorrupt; the detail names the file.
Result<nlohmann::json> load_metadata(rt::Directory& directory, std::string_view name);

// Typed access that reports instead of throwing.
Result<std::uint64_t> number_in(const nlohmann::json& object, const char* key);
Result<std::string> string_in(const nlohmann::json& object, const char* key);
Result<const nlohmann::json*> array_in(const nlohmann::json& object, const char* key);

}  // namespace sluice::replog
