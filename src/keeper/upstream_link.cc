#include "keeper/upstream_link.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/overloaded.h"
#include "keeper/arrivals.h"
#include "repl/backoff.h"

namespace sluice::keeper {
namespace {

using std::chrono::seconds;

// A master drops a replica that is silent for repl-timeout; Redis' own replicas speak each second.
constexpr auto kAcknowledgeInterval = seconds(1);
constexpr auto kDiskFullRetry = seconds(1);
constexpr auto kWatchInterval = seconds(5);
constexpr int kCycleHopsMax = 8;
// Each try costs the master a fork. The first bad snapshot may be bad luck; a second one is not.
constexpr auto kUnreadablePause = std::chrono::minutes(10);

}  // namespace

UpstreamLink::UpstreamLink(rt::Host& host, replog::Archive& archive,
                           std::function<void()> lineage_changed, base::Log log,
                           KeyCount known_keys, LinkOptions options)
    : host_(host),
      archive_(archive),
      lineage_changed_(std::move(lineage_changed)),
      log_(std::move(log)),
      options_(std::move(options)),
      upstream_url_(options_.upstream.url),
      wake_(host.loop(), host.clock()),
      left_(host.loop(), host.clock()),
      durable_(host.loop(), host.clock()),
      known_keys_(std::move(known_keys)) {
  const auto* const active = archive_.active();
  const bool is_unknown = known_keys_.value() == 0;
  if (is_unknown && active != nullptr && !active->snapshots().empty()) {
    known_keys_.note(active->snapshots().back().keys);
  }
}

rt::Task<void> UpstreamLink::run() {
  while (!is_stopping_) {
    if (!upstream_url_) {
      enter(FollowState::kIdle);
      co_await wake_.wait();
      continue;
    }
    while (operators_ > 0 && !is_stopping_) co_await left_.wait();
    const auto streamed_before = status_.bytes_received;
    const auto loaded_before = intake_ ? intake_->bytes() : 0;
    is_following_ = true;
    const auto outcome = co_await follow_once();
    is_following_ = false;
    left_.notify_all();
    if (is_stopping_) break;
    if (status_.state == FollowState::kFailed) {
      co_await wake_.wait();
      continue;
    }
    const bool has_loaded_more = intake_ && intake_->bytes() > loaded_before;
    if (status_.bytes_received != streamed_before || has_loaded_more) failures_ = 0;
    rt::Duration pause = repl::backoff(failures_++, host_.random());
    if (unreadable_snapshots_ > 1) pause = kUnreadablePause;
    const auto why = outcome ? std::string("upstream was left") : outcome.error().detail;
    if (status_.state != FollowState::kRefused) enter(FollowState::kWaiting, why);
    const auto until = host_.clock().now() + pause;
    co_await wake_.wait_until(until);
  }
  intake_.reset();  // its file goes, as the next start would have it
}

void UpstreamLink::stop() {
  is_stopping_ = true;
  for (auto* const log : {archive_.active(), archive_.incoming()}) {
    if (log != nullptr) log->stop_waiting();
  }
  left_.notify_all();
  if (connection_ != nullptr) connection_->close();
  wake_.notify_all();
  durable_.notify_all();
}

void UpstreamLink::follow(std::optional<base::RedisUrl> upstream) {
  upstream_url_ = std::move(upstream);
  failures_ = 0;
  unreadable_snapshots_ = 0;
  refusal_.reset();
  rejected_.reset();
  if (connection_ != nullptr) connection_->close();
  wake_.notify_all();
}

std::optional<std::string> UpstreamLink::quarantine() const {
  if (auto reason = archive_.quarantine_reason()) return reason;
  return refusal_;
}

void UpstreamLink::on_durable() {
  durable_.notify_all();
}

void UpstreamLink::enter(FollowState state, std::string why) {
  if (state == status_.state && why == status_.why) return;
  if (!why.empty() && why != status_.why) {
    log_.warn("upstream link",
              {{"upstream",
                upstream_url_ ? base::to_string(upstream_url_->endpoint) : std::string("none")},
               {"why", why}});
  }
  if (status_.state == FollowState::kStreaming) status_.down_since = host_.clock().now();
  if (state == FollowState::kStreaming) status_.up_since = host_.clock().now();
  status_.state = state;
  status_.why = std::move(why);
}

void UpstreamLink::set_limits(QuarantineLimits quarantine, rt::Duration silence_max) {
  options_.quarantine = quarantine;
  options_.upstream.silence_max = silence_max;
  if (connection_ != nullptr) connection_->set_silence_max(silence_max);
}

redis::UpstreamOptions UpstreamLink::upstream_options() const {
  auto options = options_.upstream;
  options.url = *upstream_url_;
  return options;
}

rt::Task<Result<>> UpstreamLink::follow_once() {
  if (status_.state != FollowState::kWaiting && status_.state != FollowState::kRefused) {
    enter(FollowState::kConnecting);
  }
  closed_to_us_.reset();
  auto how = upstream_options();
  CO_TRY(auto upstream, co_await redis::Upstream::connect(host_, std::move(how)));
  if (is_stopping_) co_return fail(Errc::kCancelled, "stopping");
  if (operators_ > 0) co_return fail(Errc::kCancelled, "an operator answers the quarantine");
  connection_ = upstream.get();
  auto peer = co_await upstream->peer();
  Result<> outcome;
  if (peer) {
    outcome = co_await ask_and_stream(*upstream, *peer);
  } else {
    outcome = tl::unexpected(peer.error());
  }
  connection_ = nullptr;
  if (intake_ && !intake_->is_resumable()) intake_.reset();
  if (archive_.incoming() != nullptr && !archive_.quarantine_reason() && !intake_) {
    CO_TRY_VOID(co_await archive_.drop_incoming());  // half a snapshot is of no use
  }
  co_return outcome;
}

rt::Task<Result<>> UpstreamLink::ask_and_stream(redis::Upstream& upstream, repl::Peer peer) {
  const auto refused = co_await refuse_cycles(peer);
  if (!refused) {
    refusal_ = refused.error().detail;
    enter(FollowState::kRefused, *refusal_);
    co_return refused;
  }
  if (rejected_ && peer.id == rejected_) {
    refusal_ = "its data set was rejected: KEEPER ACCEPT takes it after all";
    enter(FollowState::kRefused, *refusal_);
    co_return fail(Errc::kRejected, *refusal_);
  }
  refusal_.reset();

  note_stream_of(peer);
  catch_up_goal_ = peer.offset;
  CO_TRY(auto target, co_await resume_target(peer));
  const bool may_replay = target && target->log == archive_.active();
  if (const auto choice = may_replay ? weigh_catch_up(peer) : std::nullopt) {
    log_.info("catching up", {{"by", repl::to_text(*choice)}});
    if (choice->by == repl::CatchUpBy::kSnapshot) {
      ++status_.snapshots_preferred;
      target.reset();
    }
  }
  redis::PsyncWish wish;
  if (target) wish.from = target->from;
  wish.is_of_keeper = peer.is_keeper;
  if (intake_) wish.held = redis::SnapshotPart{intake_->name, intake_->bytes()};
  CO_TRY(const auto reply, co_await upstream.psync(std::move(wish)));
  if (const auto* full = std::get_if<repl::FullResyncBegun>(&reply)) {
    const auto at = full->snapshot;
    CO_TRY_VOID(co_await load(upstream, at));
    auto* const incoming = archive_.incoming();
    co_return co_await stream(upstream, incoming != nullptr ? *incoming : *archive_.active(), 0);
  }
  if (!target) co_return fail(Errc::kProtocol, "upstream continues a stream we did not name");
  const auto continued = std::get<repl::Continued>(reply);
  CO_TRY(const auto known, co_await adopt(*target, continued, peer));
  ++status_.partial_resyncs;
  bandwidth_.restart();
  if (peer.keys && !archive_.quarantine_reason()) known_keys_.note(*peer.keys);
  co_return co_await stream(upstream, *target->log, known);
}

// A master that replicates itself, or us, would feed a stream that nobody writes. Redis accepts
// REPLICAOF of itself without a word; its link is down then and it refuses PSYNC for ever.
rt::Task<Result<>> UpstreamLink::refuse_cycles(const repl::Peer& peer) {
  if (!peer.run_id.empty() && peer.run_id == options_.own_run_id) {
    co_return fail(Errc::kRejected, "upstream is this keeper itself");
  }
  if (!peer.is_replica || !peer.master) co_return Result<>{};
  auto next = *peer.master;
  std::vector<std::string> seen{peer.run_id};
  for (int hop = 0; hop < kCycleHopsMax; ++hop) {
    if (closed_to_us_ == next) break;
    auto how = upstream_options();
    how.url.endpoint = next;
    auto link = co_await redis::Upstream::connect(host_, std::move(how));
    // Who lets us not in (a relay whose list lacks it) is not asked again and again.
    if (!link && link.error().code == Errc::kRejected) closed_to_us_ = next;
    if (!link) break;  // not ours to judge: the upstream itself will say that its link is down
    const auto beyond = co_await (*link)->peer();
    if (!beyond || beyond->run_id.empty()) break;
    if (beyond->run_id == options_.own_run_id) {
      co_return fail(Errc::kRejected, "upstream replicates from this keeper: a cycle through " +
                                          base::to_string(next));
    }
    if (beyond->run_id == seen.front()) {
      co_return fail(Errc::kRejected,
                     "upstream is its own replica (through " + base::to_string(next) + ")");
    }
    const bool is_loop = std::ranges::find(seen, beyond->run_id) != seen.end();
    if (is_loop || !beyond->is_replica || !beyond->master) break;
    seen.push_back(beyond->run_id);
    next = *beyond->master;
  }
  co_return Result<>{};
}

// Not behind the oldest snapshot: without one, a log is of no use to a new replica.
rt::Task<Result<std::optional<UpstreamLink::Target>>> UpstreamLink::resume_on(replog::Log& log,
                                                                              repl::Peer peer) {
  if (log.snapshots().empty()) co_return std::nullopt;
  const auto mark = co_await log.last_mark();
  if (!mark && mark.error().code == Errc::kProtocol) {
    log_.error("what was received is no stream of commands", {{"why", mark.error()}});
    co_return std::nullopt;
  }
  if (!mark) co_return tl::unexpected(mark.error());
  auto history = log.history();
  history.held.begin = std::max(history.held.begin, log.snapshots().front().at.offset);
  co_return Target{&log, repl::resume_position(history, *mark, peer)};
}

// A quarantined lineage is gone on with only while the upstream still is what was quarantined, or
// was promoted in its place.
rt::Task<Result<std::optional<UpstreamLink::Target>>> UpstreamLink::resume_target(repl::Peer peer) {
  auto* const incoming = archive_.incoming();
  if (incoming != nullptr && archive_.quarantine_reason()) {
    const auto& id = incoming->history().id;
    if (peer.id == id || (peer.inherited && peer.inherited->id == id)) {
      co_return co_await resume_on(*incoming, std::move(peer));
    }
  }
  auto* const active = archive_.active();
  if (active == nullptr) co_return std::nullopt;
  co_return co_await resume_on(*active, std::move(peer));
}

// We always ask at a mark, so bytes of a half-received transaction may be in the log already.
// Under the same replid they come again: the count returned is to be skipped. Under a new one they
// were never executed anywhere and leave the log.
rt::Task<Result<std::uint64_t>> UpstreamLink::adopt(Target target, repl::Continued answer,
                                                    const repl::Peer& peer) {
  auto& log = *target.log;
  std::uint64_t known = log.end() - target.from.offset;
  if (answer.id && *answer.id != log.history().id) {
    std::optional<repl::Offset> predecessor_end;
    const bool is_told = peer.id == answer.id && peer.inherited;
    if (is_told && peer.inherited->id == log.history().id) {
      predecessor_end = peer.inherited->offset;
    }
    CO_TRY_VOID(co_await log.switch_history(*answer.id, target.from.offset, predecessor_end));
    if (&log == archive_.active()) lineage_changed_();
    known = 0;
  }
  // An upstream that goes on where the active log ends is sane: what was held back is obsolete.
  if (target.log == archive_.active() && archive_.incoming() != nullptr) {
    intake_.reset();
    CO_TRY_VOID(co_await archive_.drop_incoming());
  }
  co_return known;
}

// The next start judges by the count that is on the disk then. Until it is that of what is active, it
// must be the larger of the two: rather a quarantine too many than an empty data set that passes.
rt::Task<Result<>> UpstreamLink::promote(std::uint64_t keys) {
  const auto before = known_keys_.value();
  if (keys > before) {
    known_keys_.note(keys);
    const auto remembered = co_await known_keys_.remember();
    known_keys_.note(before);
    CO_TRY_VOID(remembered);
  }
  CO_TRY_VOID(co_await archive_.promote_incoming());
  known_keys_.note(keys);
  (void)co_await known_keys_.remember();
  rejected_.reset();
  lineage_changed_();
  co_return Result<>{};
}

// While nothing is asked of the upstream or received from it: what it answers would be taken for
// the data set that stood there when it was asked.
rt::Task<Result<>> UpstreamLink::answer_quarantine(Answer answer) {
  ++operators_;
  if (connection_ != nullptr) connection_->close(Errc::kRejected);
  while (is_following_) co_await left_.wait();
  Result<> outcome;
  if (!archive_.quarantine_reason()) {
    outcome = fail(Errc::kNotFound, "nothing is quarantined");
  } else if (answer == Answer::kAccept) {
    const auto& snapshots = archive_.incoming()->snapshots();
    const auto keys = snapshots.empty() ? known_keys_.value() : snapshots.back().keys;
    outcome = co_await promote(keys);
  } else {
    rejected_ = archive_.incoming()->history().id;
    outcome = co_await archive_.drop_incoming();
  }
  --operators_;
  left_.notify_all();
  wake_.notify_all();
  co_return outcome;
}

rt::Task<Result<>> UpstreamLink::accept() {
  if (archive_.quarantine_reason()) co_return co_await answer_quarantine(Answer::kAccept);
  if (!rejected_) co_return fail(Errc::kNotFound, "nothing is quarantined");
  accepted_ = std::exchange(rejected_, std::nullopt);
  wake_.notify_all();
  co_return Result<>{};
}

rt::Task<Result<>> UpstreamLink::reject() {
  if (!archive_.quarantine_reason()) co_return fail(Errc::kNotFound, "nothing is quarantined");
  co_return co_await answer_quarantine(Answer::kReject);
}

rt::Task<Result<>> UpstreamLink::stream(redis::Upstream& upstream, replog::Log& log,
                                        std::uint64_t known) {
  enter(FollowState::kStreaming);
  getack_ = {};
  rt::Gate gate(host_);
  gate.spawn(acknowledge_loop(upstream, log, gate));
  gate.spawn(watch_upstream_loop(upstream, log, gate));
  auto outcome = co_await receive(upstream, log, known);
  upstream.close();
  gate.close();
  durable_.notify_all();
  co_await gate.closed();
  if (log.failed()) enter(FollowState::kFailed, outcome.error().detail);
  co_return outcome;
}

// `known` bytes are in the log already and come again.
rt::Task<Result<>> UpstreamLink::receive(redis::Upstream& upstream, replog::Log& log,
                                         std::uint64_t known) {
  Arrivals arrivals(upstream);
  for (;;) {
    CO_TRY(auto bytes, co_await upstream.read_stream());
    status_.last_heard = upstream.last_heard();
    const bool is_behind = log.end() < catch_up_goal_;
    const auto again = static_cast<std::size_t>(std::min<std::uint64_t>(known, bytes.size()));
    known -= again;
    bytes.remove_prefix(again);
    arrivals.begin(bytes, log.end());
    if (!bytes.empty()) CO_TRY_VOID(co_await append(log, arrivals));
    const auto count = again + arrivals.bytes();
    status_.bytes_received += count;
    if (is_behind) bandwidth_.note(count, status_.last_heard.since_start);
    getack_ = std::max(getack_, arrivals.getack());
    if (getack_ > status_.acknowledged && log.durable() >= getack_) on_durable();
  }
}

// A full disk holds the upstream back: nothing more is read until there is room again.
rt::Task<Result<>> UpstreamLink::append(replog::Log& log, Arrivals& arrivals) {
  for (;;) {
    auto stored = co_await log.append(arrivals.last(), &arrivals);
    const bool is_full = !stored && stored.error().code == Errc::kNoSpace;
    if (is_full && !status_.is_disk_full) {
      log_.error("disk full, upstream is held back", {{"why", stored.error().detail}});
    }
    status_.is_disk_full = is_full;
    if (!is_full) co_return stored;
    const auto until = host_.clock().now() + kDiskFullRetry;
    co_await wake_.wait_until(until);
    if (is_stopping_) co_return fail(Errc::kCancelled, "stopping");
  }
}

rt::Task<void> UpstreamLink::acknowledge_loop(redis::Upstream& upstream, replog::Log& log,
                                              rt::Gate& gate) {
  while (!gate.is_closing()) {
    const auto durable = log.durable();
    const auto told = co_await upstream.acknowledge(durable);
    if (!told) co_return;
    status_.acknowledged = durable;
    ++status_.acknowledgements;
    const auto until = host_.clock().now() + kAcknowledgeInterval;
    while (!gate.is_closing() && log.durable() < std::max(getack_, durable + 1)) {
      const bool is_woken = co_await durable_.wait_until(until);
      if (!is_woken) break;
    }
  }
}

// On a connection of its own, since replicas get no answers on theirs. A master that is told to
// replicate itself keeps its old replicas connected and silent: only its INFO tells.
rt::Task<void> UpstreamLink::watch_upstream_loop(redis::Upstream& upstream, replog::Log& log,
                                                 rt::Gate& gate) {
  auto how = upstream_options();
  how.announced = {};
  auto link = co_await redis::Upstream::connect(host_, std::move(how));
  while (link) {
    const bool goes_on = co_await gate.sleep(kWatchInterval);
    if (!goes_on) co_return;
    const auto peer = co_await (*link)->peer();
    if (!peer) co_return;
    const auto trusted = co_await refuse_cycles(*peer);
    if (!trusted) {
      refusal_ = trusted.error().detail;
      upstream.close(Errc::kRejected);
      co_return;
    }
    const auto* const active = archive_.active();
    note_stream_of(*peer);
    const bool is_behind = &log == active && log.end() < catch_up_goal_;
    const auto choice = is_behind ? weigh_catch_up(*peer) : std::nullopt;
    if (choice && choice->by == repl::CatchUpBy::kSnapshot) {
      upstream.close();
      co_return;
    }
    const bool is_ours = active != nullptr && peer->id == active->history().id;
    if (!is_ours || !peer->keys || archive_.quarantine_reason()) continue;
    known_keys_.note(*peer->keys);
    (void)co_await known_keys_.remember();
  }
}

}  // namespace sluice::keeper
