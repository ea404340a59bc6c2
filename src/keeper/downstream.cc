#include "keeper/downstream.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "repl/payload.h"

namespace sluice::keeper {
namespace {

// Enough for one sendfile to pay for its wake-up; of a snapshot little enough that a rate limit stays
// smooth, of the stream as much as is appended at once.
constexpr std::size_t kSnapshotChunkBytesMax = 256 * 1024;
constexpr std::size_t kStreamChunkBytesMax = 512 * 1024;

// Redis replicas take newlines as signs of life both before the answer to PSYNC and before the
// RDB (replication.c, slaveTryPartialResynchronization and readSyncBulkPayload).
constexpr auto kKeepAlive = std::chrono::seconds(1);

std::string continue_line(const ReplicaRequest& request, const repl::ReplId& id) {
  if (!request.is_psync2) return "+CONTINUE\r\n";
  return "+CONTINUE " + std::string(id.text()) + "\r\n";
}

bool is_ahead(const repl::PsyncAnswer& answer) {
  const auto* full = std::get_if<repl::FullResync>(&answer);
  return full != nullptr && full->reason == repl::FullResyncReason::kAhead;
}

const replog::Snapshot* newest_snapshot(const replog::Log& log,
                                        const std::optional<repl::Offset>& until) {
  const replog::Snapshot* newest = nullptr;
  for (const auto& snapshot : log.snapshots()) {
    if (!until || snapshot.at.offset <= *until) newest = &snapshot;
  }
  return newest;
}

// Of no other snapshot of any keeper, and of the same one after a restart.
std::string name_of(const replog::Snapshot& snapshot, std::string_view keeper_id) {
  return std::string(keeper_id) + ":" + snapshot.file_name + ":" + std::to_string(snapshot.wall_ms);
}

// What is sent, and how much of it the replica has.
struct Choice {
  const replog::Snapshot* snapshot = nullptr;
  std::uint64_t from = 0;
};

Choice choose_snapshot(const replog::Log& log, const ReplicaRequest& request,
                       std::string_view keeper_id) {
  if (request.is_keeper && request.held) {
    for (const auto& snapshot : log.snapshots()) {
      const bool is_it = name_of(snapshot, keeper_id) == request.held->name;
      if (is_it && request.held->bytes < snapshot.bytes) return {&snapshot, request.held->bytes};
    }
  }
  return {newest_snapshot(log, request.until), 0};
}

std::string payload_header(const replog::Snapshot& snapshot, std::uint64_t from,
                           const ReplicaRequest& request, std::string_view keeper_id) {
  if (!request.is_keeper || !request.psync) return "$" + std::to_string(snapshot.bytes) + "\r\n";
  return repl::named_payload_header(snapshot.bytes - from, snapshot.bytes,
                                    name_of(snapshot, keeper_id));
}

}  // namespace

rt::Task<Result<>> Downstream::serve(ReplicaRequest request) {
  last_progress_ = shared_.host.clock().now();
  repl::PsyncAnswer answer;
  CO_TRY(auto* const log, co_await wait_for_answer(request, answer));
  if (const auto* go = std::get_if<repl::Continue>(&answer)) {
    const auto from = go->from.offset;
    ++shared_.counters.sync_partial_ok;
    co_return co_await go_on(*log, request, from);
  }
  ++shared_.counters.sync_full;
  if (request.psync && request.psync->from) ++shared_.counters.sync_partial_err;
  co_return co_await start_over(*log, request);
}

void Downstream::cancel() {
  is_cancelled_ = true;
  if (reader_) reader_->cancel();
  replica_.close();
  shared_.lineage_changed.notify_all();
  shared_.admission.freed().notify_all();
}

// Without a snapshot there is nothing to say yet. A replica that is ahead of us knows bytes that
// we lost in a power cut and are about to get again from upstream: it waits a while for them.
rt::Task<Result<replog::Log*>> Downstream::wait_for_answer(const ReplicaRequest& request,
                                                           repl::PsyncAnswer& answer) {
  const auto patience = shared_.host.clock().now() + options_.ahead_wait;
  for (;;) {
    if (auto* const log = shared_.active_log(); log != nullptr) {
      answer = request.psync ? repl::answer(log->history(), *request.psync)
                             : repl::FullResync{repl::FullResyncReason::kAsked};
      const bool is_waiting = is_ahead(answer) && shared_.host.clock().now() < patience;
      if (!is_waiting) co_return log;
    }
    CO_TRY_VOID(co_await keep_alive(shared_.lineage_changed));
  }
}

rt::Task<Result<>> Downstream::keep_alive(rt::Event& event) {
  const auto until = shared_.host.clock().now() + kKeepAlive;
  const bool is_woken = co_await event.wait_until(until);
  if (is_cancelled_) co_return fail(Errc::kCancelled, "cancelled");
  if (is_woken) co_return Result<>{};
  last_progress_ = shared_.host.clock().now();
  co_return co_await replica_.write("\n");
}

rt::Task<Result<Admission::Place>> Downstream::wait_for_place() {
  for (;;) {
    if (auto place = shared_.admission.try_enter()) co_return place;
    CO_TRY_VOID(co_await keep_alive(shared_.admission.freed()));
  }
}

rt::Task<Result<>> Downstream::go_on(replog::Log& log, const ReplicaRequest& request,
                                     repl::Offset from) {
  const auto line = continue_line(request, log.history().id);
  // Before the first suspension: the log may be replaced, or go on under another replid, and then a
  // replica that was told this one has to be disconnected.
  reader_ = log.read_from(from);
  phase_ = Phase::kStreaming;
  CO_TRY_VOID(co_await replica_.write(line));
  co_return co_await stream_from(from, request.until);
}

rt::Task<Result<>> Downstream::start_over(replog::Log& log, const ReplicaRequest& request) {
  CO_TRY(auto place, co_await wait_for_place());
  if (shared_.active_log() != &log) co_return fail(Errc::kNotFound, "lineage was replaced");
  const auto choice = choose_snapshot(log, request, shared_.keeper_id);
  if (choice.snapshot == nullptr) co_return fail(Errc::kNotFound, "no snapshot");

  const auto snapshot = *choice.snapshot;
  if (choice.from > 0) ++shared_.counters.snapshots_resumed;
  if (request.is_keeper) resumable_ = snapshot.file_name;
  needs_ = snapshot.at.offset;
  phase_ = Phase::kSendingSnapshot;
  const auto id = log.history().id;
  auto stream_reader = log.read_from(snapshot.at.offset);
  CO_TRY(reader_, co_await log.read_snapshot(snapshot));
  std::string header;
  if (request.psync) {
    header = "+FULLRESYNC " + std::string(id.text()) + " " +
             std::to_string(snapshot.at.offset.bytes()) + "\r\n";
  }
  header += payload_header(snapshot, choice.from, request, shared_.keeper_id);
  CO_TRY_VOID(co_await replica_.write(header));
  reader_->advance(static_cast<std::size_t>(choice.from));
  CO_TRY_VOID(co_await send_snapshot(*reader_, snapshot.bytes - choice.from));
  place = Admission::Place{};
  if (request.is_rdb_only) co_return Result<>{};
  reader_ = std::move(stream_reader);
  co_return co_await stream_from(snapshot.at.offset, request.until);
}

rt::Task<Result<>> Downstream::send_snapshot(replog::Reader& reader, std::uint64_t bytes) {
  RateLimit own_rate(options_.snapshot_bytes_per_second);
  for (std::uint64_t left = bytes; left > 0;) {
    auto granted = static_cast<std::size_t>(std::min<std::uint64_t>(left, kSnapshotChunkBytesMax));
    for (auto* const rate : {&own_rate, &shared_.snapshot_rate}) {
      const auto wanted = granted;
      granted = rate->grant(wanted, shared_.host.clock().now());
      while (granted == 0) {
        co_await rt::sleep(shared_.host, rate->wait());
        if (is_cancelled_) co_return fail(Errc::kCancelled, "cancelled");
        granted = rate->grant(wanted, shared_.host.clock().now());
      }
    }
    const auto before = reader.offset();
    CO_TRY_VOID(co_await send_chunk(reader, granted));
    const auto sent = reader.offset() - before;
    own_rate.spend(sent);
    shared_.snapshot_rate.spend(sent);
    left -= sent;
  }
  co_return Result<>{};
}

rt::Task<Result<>> Downstream::stream_from(repl::Offset from, std::optional<repl::Offset> until) {
  phase_ = Phase::kStreaming;
  sent_ = from;
  for (;;) {
    const auto left = until ? *until - std::min(sent_, *until) : kStreamChunkBytesMax;
    if (left == 0) co_return co_await stay_silent();
    CO_TRY_VOID(co_await send_chunk(*reader_, std::min<std::uint64_t>(left, kStreamChunkBytesMax)));
    sent_ = reader_->offset();
    if (!needs_) continue;
    const auto* const log = shared_.active_log();
    const bool has_caught_up = log == nullptr || sent_ >= log->end();
    needs_ = has_caught_up ? std::nullopt : std::optional(sent_);
  }
}

rt::Task<Result<>> Downstream::stay_silent() {
  while (!is_cancelled_) co_await shared_.lineage_changed.wait();
  co_return fail(Errc::kCancelled, "cancelled");
}

rt::Task<Result<>> Downstream::send_chunk(replog::Reader& reader, std::size_t bytes_max) {
  CO_TRY(const auto chunk, co_await reader.next(bytes_max));
  CO_TRY(const auto sent, co_await replica_.send_file(*chunk.file, chunk.at, chunk.count));
  reader.advance(sent);
  bytes_sent_ += sent;
  last_progress_ = shared_.host.clock().now();
  co_return Result<>{};
}

}  // namespace sluice::keeper
