// How an upstream's snapshot is chosen, received, and taken up again where it broke.
#include <utility>

#include "keeper/upstream_link.h"

namespace sluice::keeper {
namespace {

constexpr auto kDiskFullRetry = std::chrono::seconds(1);

}  // namespace

void UpstreamLink::note_stream_of(const repl::Peer& peer) {
  const auto now = host_.clock().now().since_start;
  const bool goes_on =
      upstream_end_ && peer.id == upstream_end_->id && peer.offset >= upstream_end_->offset;
  if (!goes_on) stream_rate_.restart();
  stream_rate_.note(goes_on ? peer.offset - upstream_end_->offset : 0, now);
  upstream_end_.reset();
  if (peer.id) upstream_end_ = repl::Position{*peer.id, peer.offset};
}

// Whether to start over from the upstream's snapshot although our log could be gone on with. What
// we have of a snapshot already does not have to come again.
std::optional<repl::CatchUp> UpstreamLink::weigh_catch_up(const repl::Peer& peer) {
  const auto& active = *archive_.active();
  const auto end = active.end();
  auto costs = repl::catch_up_costs(active.history(), end, peer);
  if (!costs) return std::nullopt;
  if (intake_ && intake_->at.offset > end && intake_->at.offset <= peer.offset) {
    costs->snapshot_bytes = *intake_->total - intake_->bytes();
    costs->tail_bytes = peer.offset - intake_->at.offset;
  }
  costs->bandwidth = bandwidth_.per_second();
  costs->stream_rate = stream_rate_.per_second();
  status_.catch_up = repl::choose_catch_up(*costs, options_.catch_up);
  return status_.catch_up;
}

rt::Task<Result<>> UpstreamLink::load(redis::Upstream& upstream, repl::Position at) {
  enter(FollowState::kLoading);
  CO_TRY_VOID(co_await upstream.begin_snapshot());
  if (upstream.snapshot_skipped() > 0) {
    CO_TRY_VOID(co_await resume_intake(upstream, at));
  } else {
    CO_TRY_VOID(co_await begin_intake(upstream, at));
  }
  CO_TRY_VOID(co_await receive_snapshot(upstream));
  const auto intake = std::exchange(intake_, nullptr);
  const auto summary = intake->scanner.finish();
  if (!summary) co_return refuse_snapshot(summary.error());
  unreadable_snapshots_ = 0;
  CO_TRY_VOID(co_await intake->writer->commit(summary->stream_db.value_or(0), summary->total.keys));
  co_return co_await settle_incoming(summary->total.keys);
}

rt::Task<Result<>> UpstreamLink::begin_intake(redis::Upstream& upstream, repl::Position at) {
  intake_.reset();
  ++status_.full_resyncs;
  log_.info("full resync",
            {{"replid", std::string(at.id.text())}, {"offset", std::to_string(at.offset.bytes())}});
  CO_TRY(auto* const incoming, co_await archive_.begin_incoming(at));
  CO_TRY(auto writer, co_await incoming->write_snapshot(at));
  auto intake = std::make_unique<SnapshotIntake>();
  intake->at = at;
  intake->name = upstream.snapshot_name();
  intake->total = upstream.snapshot_bytes();
  intake->writer = std::move(writer);
  intake_ = std::move(intake);
  co_return Result<>{};
}

// Meanwhile the upstream may have got another replid: at the snapshot's offset nothing had come yet.
rt::Task<Result<>> UpstreamLink::resume_intake(redis::Upstream& upstream, repl::Position at) {
  const bool is_ours = intake_ && intake_->is_resumable() &&
                       intake_->name == upstream.snapshot_name() &&
                       intake_->total == upstream.snapshot_bytes() &&
                       intake_->bytes() == upstream.snapshot_skipped() &&
                       intake_->at.offset == at.offset && archive_.incoming() != nullptr;
  if (!is_ours) {
    intake_.reset();
    co_return fail(Errc::kProtocol, "upstream goes on with a snapshot that we have no part of");
  }
  auto& incoming = *archive_.incoming();
  if (incoming.history().id != at.id) {
    CO_TRY_VOID(co_await incoming.switch_history(at.id, at.offset));
  }
  ++status_.snapshots_resumed;
  status_.resumed_bytes += intake_->bytes();
  log_.info("full resync goes on", {{"offset", std::to_string(at.offset.bytes())},
                                    {"from_byte", std::to_string(intake_->bytes())},
                                    {"of", std::to_string(*intake_->total)}});
  co_return Result<>{};
}

rt::Task<Result<>> UpstreamLink::receive_snapshot(redis::Upstream& upstream) {
  status_.loading_bytes = intake_->bytes();
  status_.loading_total = intake_->total;
  bandwidth_.restart();
  for (;;) {
    CO_TRY(const auto bytes, co_await upstream.read_snapshot());
    if (bytes.empty()) co_return Result<>{};
    status_.last_heard = upstream.last_heard();
    bandwidth_.note(bytes.size(), status_.last_heard.since_start);
    if (const auto read = intake_->scanner.feed(bytes); !read) {
      intake_.reset();
      co_return refuse_snapshot(read.error());
    }
    auto stored = co_await store(bytes);
    if (!stored) {
      intake_.reset();
      co_return stored;
    }
    status_.loading_bytes = intake_->bytes();
  }
}

// A full disk holds the upstream back.
rt::Task<Result<>> UpstreamLink::store(std::string_view bytes) {
  for (;;) {
    auto stored = co_await intake_->writer->append(bytes);
    const bool is_full = !stored && stored.error().code == Errc::kNoSpace;
    if (is_full && !status_.is_disk_full) {
      log_.error("disk full, the full resync is held back", {{"why", stored.error().detail}});
    }
    status_.is_disk_full = is_full;
    if (!is_full) co_return stored;
    const auto until = host_.clock().now() + kDiskFullRetry;
    co_await wake_.wait_until(until);
    if (is_stopping_) co_return fail(Errc::kCancelled, "stopping");
    bandwidth_.restart();
  }
}

tl::unexpected<Error> UpstreamLink::refuse_snapshot(const Error& why) {
  ++unreadable_snapshots_;
  enter(FollowState::kRefused, "its snapshot cannot be read: " + why.detail);
  return tl::unexpected(why);
}

rt::Task<Result<>> UpstreamLink::settle_incoming(std::uint64_t keys) {
  const bool is_accepted = std::exchange(accepted_, {}) == archive_.incoming()->history().id;
  const bool has_known = archive_.active() != nullptr && !is_accepted;
  const auto reason =
      has_known ? judge(known_keys_.value(), keys, options_.quarantine) : std::nullopt;
  if (!reason) co_return co_await promote(keys);
  log_.error("quarantined", {{"why", *reason}, {"lift", "KEEPER ACCEPT or KEEPER REJECT"}});
  co_return co_await archive_.quarantine_incoming(*reason);
}

}  // namespace sluice::keeper
