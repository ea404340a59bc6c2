// Restores the data set as of an offset or a time: an RDB, made by a redis-server that replays
// the log up to there and no further.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "replog/log.h"
#include "rt/host.h"

namespace sluice::keeper {

struct AtTime {
  std::int64_t wall_ms;  // when the bytes were received
};
using ExportPoint = std::variant<repl::Offset, AtTime>;

struct ExportOptions {
  std::optional<ExportPoint> at;  // absent: as much as the log has
  std::string out;                // the RDB's path; replaced atomically
  std::string redis_server = "redis-server";
};

struct Exported {
  repl::Position at;  // the last point between transactions at or before what was asked for
  std::uint64_t bytes = 0;
  std::uint64_t keys = 0;
};

// Tells what is going on: stage, done, total (bytes; 0 if not known).
using ExportProgress = std::function<void(std::string_view, std::uint64_t, std::uint64_t)>;

// `log` may belong to a running keeper and be open here to read only. kNotFound: no snapshot is old
// enough for the point asked for.
rt::Task<Result<Exported>> export_rdb(rt::Host& host, replog::Log& log, ExportOptions options,
                                      ExportProgress progress);

}  // namespace sluice::keeper
