#include "keeper/export.h"

#include <algorithm>
#include <utility>

#include "keeper/replayer.h"
#include "rdb/scanner.h"
#include "redis/upstream.h"

namespace sluice::keeper {
namespace {

struct OutPath {
  std::string folder;
  std::string name;
};

OutPath split(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

rt::Task<Result<repl::Mark>> resolve(replog::Log& log, std::optional<ExportPoint> at) {
  if (!at) co_return co_await log.last_mark();
  if (const auto* const time = std::get_if<AtTime>(&*at)) {
    co_return co_await log.mark_at_time(time->wall_ms);
  }
  co_return co_await log.mark_at(std::get<repl::Offset>(*at));
}

// Every key of the RDB is counted and its checksum checked on the way to the file.
rt::Task<Result<Exported>> save(redis::Upstream& from, rt::Directory& folder, std::string name,
                                const ExportProgress& progress) {
  redis::PsyncWish everything;
  CO_TRY(const auto reply, co_await from.psync(std::move(everything)));
  const auto* const full = std::get_if<repl::FullResyncBegun>(&reply);
  if (full == nullptr) co_return fail(Errc::kProtocol, "redis-server sends no snapshot");
  Exported result{.at = full->snapshot};
  const auto partial = name + ".partial";
  CO_TRY(auto file, folder.open(partial, rt::OpenMode::kCreateEmpty));
  rdb::Scanner scanner;
  for (;;) {
    CO_TRY(const auto bytes, co_await from.read_snapshot());
    if (bytes.empty()) break;
    CO_TRY_VOID(scanner.feed(bytes));
    CO_TRY_VOID(file->write_at(result.bytes, bytes));
    result.bytes += bytes.size();
    progress("writing", result.bytes, from.snapshot_bytes().value_or(0));
  }
  CO_TRY(const auto summary, scanner.finish());
  result.keys = summary.total.keys;
  CO_TRY_VOID(file->sync());
  CO_TRY_VOID(folder.rename(partial, name));
  CO_TRY_VOID(folder.sync());
  co_return result;
}

rt::Task<Result<Exported>> replay_and_save(rt::Host& host, Replayer& replayer, repl::Mark goal,
                                           const ExportOptions& options,
                                           const ExportProgress& progress) {
  const auto out = split(options.out);
  CO_TRY(auto folder, host.directory(out.folder));
  progress("starting redis-server", 0, 0);
  CO_TRY(const auto url, co_await replayer.start());
  progress("replaying", 0, 0);
  CO_TRY_VOID(co_await replayer.caught_up(goal.offset));
  redis::UpstreamOptions how;
  how.url = url;
  CO_TRY(auto upstream, co_await redis::Upstream::connect(host, std::move(how)));
  CO_TRY(auto saved, co_await save(*upstream, *folder, out.name, progress));
  if (saved.at.offset != goal.offset) {
    co_return fail(Errc::kCorrupt, "replay stopped at offset " +
                                       std::to_string(saved.at.offset.bytes()) + ", not at " +
                                       std::to_string(goal.offset.bytes()));
  }
  co_return saved;
}

}  // namespace

rt::Task<Result<Exported>> export_rdb(rt::Host& host, replog::Log& log, ExportOptions options,
                                      ExportProgress progress) {
  CO_TRY(const auto goal, co_await resolve(log, options.at));
  const auto& snapshots = log.snapshots();
  const bool is_reachable =
      std::ranges::any_of(snapshots, [&](const auto& s) { return s.at.offset <= goal.offset; });
  if (!is_reachable) {
    co_return fail(Errc::kNotFound,
                   "no snapshot is as old as offset " + std::to_string(goal.offset.bytes()));
  }
  rt::Event unused(host.loop(), host.clock());
  Admission admission(host.loop(), host.clock(), 1);
  RateLimit no_limit(0);
  Counters counters;
  DownstreamShared shared{host, [&log] { return &log; }, admission, no_limit, unused, counters};
  ReplayerOptions how;
  how.redis_server = options.redis_server;
  how.until = goal.offset;
  Replayer replayer(host, shared, std::move(how));
  auto outcome = co_await replay_and_save(host, replayer, goal, options, progress);
  co_await replayer.stop();
  co_return outcome;
}

}  // namespace sluice::keeper
