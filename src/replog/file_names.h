// The names of a lineage's files, and what they say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "repl/position.h"

namespace sluice::replog {

inline constexpr std::string_view kLineageFile = "lineage.json";
inline constexpr std::string_view kArchiveFile = "archive.json";
inline constexpr std::string_view kLockFile = "LOCK";
// Left by a start whose disk failed: the end of the stream may be in memory alone.
inline constexpr std::string_view kUnsyncedFile = "unsynced";

std::string segment_name(repl::Offset start);                      // <20 digits>.log
std::string segment_index_name(repl::Offset start);                // <20 digits>.idx
std::optional<repl::Offset> segment_start(std::string_view name);  // of a .log

std::string snapshot_name(repl::Offset at, std::uint32_t number);  // <20 digits>-<number>.rdb
std::string snapshot_index_name(std::string_view snapshot);        // the same, .rdx
bool is_snapshot_file(std::string_view name);                      // .rdb or .rdx

// Left by a keeper whose disk failed: bytes past this offset are not to be trusted.
std::string distrust_name(repl::Offset durable);
std::optional<repl::Offset> distrusted_from(std::string_view name);

std::string diverged_name(const repl::ReplId& id, repl::Offset at);  // diverged-<replid>-<offset>

std::string lineage_name(std::uint64_t number);  // l<10 digits>
bool is_lineage_name(std::string_view name);

}  // namespace sluice::replog
