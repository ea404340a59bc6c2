#include "keeper/refresh.h"

#include <utility>
#include <variant>

#include "rdb/scanner.h"

namespace sluice::keeper {

std::optional<std::string> refresh_due(const replog::Log& log, std::int64_t wall_ms,
                                       const RefreshPolicy& policy) {
  if (log.snapshots().empty()) return std::nullopt;
  const auto& newest = log.snapshots().back();
  const auto tail = log.end() - newest.at.offset;
  if (tail == 0) return std::nullopt;
  if (tail > policy.tail_bytes_max)
    return "the log after it has " + std::to_string(tail) + " bytes";
  const auto age_ms = wall_ms - newest.wall_ms;
  if (policy.age_max.count() > 0 && age_ms > policy.age_max.count()) {
    return "it is " + std::to_string(age_ms / 1000) + " s old";
  }
  return std::nullopt;
}

Refresher::Refresher(rt::Host& host, DownstreamShared& shared, base::Log log)
    : host_(host), shared_(shared), log_(std::move(log)) {}

rt::Task<Result<>> Refresher::take(RefreshSource source) {
  if (is_running_) co_return fail(Errc::kBusy, "a snapshot is being taken already");
  is_running_ = true;
  const auto outcome = co_await take_from(std::move(source));
  is_running_ = false;
  ++(outcome ? taken_ : failed_);
  if (outcome) log_.info("snapshot taken");
  if (!outcome && !is_stopping_) log_.error("snapshot not taken", {{"why", outcome.error()}});
  co_return outcome;
}

rt::Task<Result<>> Refresher::take_from(RefreshSource source) {
  auto* const log = shared_.active_log();
  if (log == nullptr || log->snapshots().empty()) {
    co_return fail(Errc::kNotFound, "there is no snapshot to start from yet");
  }
  // Also what retention waits for: no more of the log has to stay than from here on.
  CO_TRY(const auto mark, co_await log->last_mark());
  if (shared_.active_log() != log) co_return fail(Errc::kNotFound, "lineage was replaced");
  if (!source.replica)
    co_return co_await replay_and_fetch(*log, mark.offset, std::move(source.replayer));
  redis::UpstreamOptions from;
  from.url = *source.replica;
  from.tls = source.tls;
  co_return co_await fetch(*log, std::move(from));
}

rt::Task<Result<>> Refresher::replay_and_fetch(replog::Log& log, repl::Offset goal,
                                               ReplayerOptions options) {
  Replayer replayer(host_, shared_, std::move(options));
  replayer_ = &replayer;
  Result<> outcome;
  const auto url = co_await replayer.start();
  if (!url) outcome = tl::unexpected(url.error());
  if (outcome) outcome = co_await replayer.caught_up(goal);
  if (outcome) {
    redis::UpstreamOptions from;
    from.url = *url;
    outcome = co_await fetch(log, std::move(from));
  }
  replayer_ = nullptr;
  co_await replayer.stop();
  co_return outcome;
}

// A full resync from a node of our own lineage: its RDB stands for an offset of our log.
rt::Task<Result<>> Refresher::fetch(replog::Log& log, redis::UpstreamOptions from) {
  from.silence_max = std::chrono::minutes(5);
  CO_TRY(auto upstream, co_await redis::Upstream::connect(host_, std::move(from)));
  connection_ = upstream.get();
  struct Forget {
    redis::Upstream*& connection;
    ~Forget() { connection = nullptr; }
  } const forget{connection_};
  redis::PsyncWish everything;
  CO_TRY(const auto reply, co_await upstream->psync(std::move(everything)));
  const auto* full = std::get_if<repl::FullResyncBegun>(&reply);
  if (full == nullptr) co_return fail(Errc::kProtocol, "asked for a full resync, got none");
  const auto at = full->snapshot;
  // From here on the writer keeps the log alive, should another lineage be promoted meanwhile.
  if (shared_.active_log() != &log) co_return fail(Errc::kNotFound, "lineage was replaced");
  const auto shares = repl::answer(log.history(), repl::PsyncRequest{at});
  const auto* const refused = std::get_if<repl::FullResync>(&shares);
  if (refused != nullptr && refused->reason != repl::FullResyncReason::kAhead) {
    co_return fail(Errc::kRejected, "it holds another history than this keeper");
  }
  CO_TRY(auto writer, co_await log.write_snapshot(at));
  rdb::Scanner scanner;
  for (;;) {
    CO_TRY(const auto bytes, co_await upstream->read_snapshot());
    if (bytes.empty()) break;
    CO_TRY_VOID(scanner.feed(bytes));
    CO_TRY_VOID(co_await writer->append(bytes));
  }
  CO_TRY(const auto summary, scanner.finish());
  // A chosen replica may have been ahead of us; its snapshot is of use once our log reaches it.
  while (log.end() < at.offset) {
    if (is_stopping_ || log.failed()) co_return fail(Errc::kCancelled, "stopping");
    co_await rt::sleep(host_, std::chrono::milliseconds(50));
  }
  if (shared_.active_log() != &log) co_return fail(Errc::kNotFound, "lineage was replaced");
  co_return co_await writer->commit(summary.stream_db.value_or(0), summary.total.keys);
}

void Refresher::stop() {
  is_stopping_ = true;
  if (connection_ != nullptr) connection_->close();
  if (replayer_ != nullptr) replayer_->interrupt();
}

}  // namespace sluice::keeper
