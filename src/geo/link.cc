#include "geo/link.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "geo/apply_command.h"
#include "geo/kept_batches.h"
#include "geo/lack.h"
#include "geo/snapshot_front.h"
#include "repl/backoff.h"
#include "resp/writer.h"

namespace sluice::geo {
namespace {

// What has no cure but an operator's is not tried every 100 ms.
constexpr auto kSlowRetry = std::chrono::seconds(5);
constexpr auto kMergeRetry = std::chrono::seconds(2);
// One write holds no more than this and one batch.
constexpr std::size_t kWriteBytes = 256 * 1024;

}  // namespace

std::string_view name_of(LinkState state) {
  constexpr std::array<std::string_view, 6> kNames{"no_target", "no_source",      "streaming",
                                                   "held_up",   "needs_snapshot", "merging"};
  return kNames.at(static_cast<std::size_t>(state));
}

struct Link::Session {
  explicit Session(rt::Host& host)
      : work(host.loop(), host.clock()),
        room(host.loop(), host.clock()),
        ack(host.loop(), host.clock()),
        gate(host) {}

  std::unique_ptr<Target> target;
  std::unique_ptr<redis::Upstream> upstream;
  std::optional<repl::ReplId> replid;
  std::optional<BatchReader> reader;
  std::optional<Courier> courier;
  // The keeper's log begins behind what our region has. What is not stable comes with the snapshot, and the peer's
  // master sends it again, soon after that; who was away for longer has a gap then.
  std::optional<Lack> lacks;
  std::vector<StreamBatch> kept;
  bool is_behind_snapshot = false;  // began where the keeper's log begins
  std::deque<Asked> asked;
  std::deque<repl::Offset> asked_positions;
  std::deque<std::size_t> asked_batches;  // how many each GEO.APPLY has
  bool is_position_refused = false;
  bool is_vector_asked = false;
  bool wants_vector = false;
  rt::Instant answered_at;  // or began to wait for an answer
  rt::Event work;           // the writer has something to look at
  rt::Event room;           // the reader may go on
  rt::Event ack;            // the peer wants to know how far we are
  std::optional<Error> ended;
  LinkState broken = LinkState::kNoSource;  // whose end has failed
  rt::Gate gate;
};

Link::Link(rt::Host& host, Options options, base::Metrics& metrics, base::Log log)
    : host_(host),
      options_(std::move(options)),
      log_(log.with("source", options_.source)),
      metrics_(metrics, options_.source),
      gate_(host) {}

Link::~Link() = default;

rt::Task<void> Link::run() {
  unsigned failures = 0;
  while (!gate_.is_closing()) {
    const auto began = host_.clock().now();
    const bool merges = lacking_.has_value();
    Result<> ended;
    if (merges) {
      ended = co_await merge();
    } else {
      ended = co_await session();
    }
    if (ended) continue;
    if (gate_.is_closing()) break;
    if (host_.clock().now() - began > kSlowRetry) failures = 0;
    metrics_.session_ended();
    log_.warn("link broken", {{"state", name_of(state_)}, {"why", ended.error()}});
    why_ = ended.error().detail;
    rt::Duration pause = kSlowRetry;
    if (lacking_) pause = merges ? rt::Duration(kMergeRetry) : rt::Duration{};
    if (!lacking_ && ended.error().code != Errc::kRejected)
      pause = repl::backoff(failures++, host_.random());
    co_await gate_.sleep(pause);
  }
}

void Link::stop() {
  gate_.close();
  if (session_ != nullptr) end(*session_, {Errc::kCancelled, "stopping"});
  if (merge_ != nullptr) merge_->interrupt();
}

LinkReport Link::report() const {
  LinkReport report{
      .source = options_.source, .state = state_, .why = why_, .read = {}, .settled = {}};
  if (merge_ != nullptr) report.merge = merge_->progress();
  if (session_ == nullptr || !session_->courier) return report;
  report.read = session_->reader->boundary();
  report.settled = session_->courier->settled();
  report.held = session_->courier->held();
  report.queue_bytes = session_->courier->queue_bytes();
  return report;
}

rt::Task<Result<>> Link::session() {
  show(LinkState::kNoTarget, "connecting");
  Session session(host_);
  std::vector<base::RedisUrl> urls = options_.to;
  redis::ClientOptions how = options_.to_options;
  CO_TRY(session.target, co_await Target::find_master(host_, std::move(urls), std::move(how)));
  session_ = &session;
  auto state = co_await session.target->state();
  if (!state) {
    session_ = nullptr;
    co_return tl::unexpected(std::move(state).error());
  }
  auto from = co_await begin(session, *state);
  if (from && !session.ended) {
    session.replid = from->id;
    session.reader.emplace(from->offset);
    session.courier.emplace(Courier::Target{state->self, std::move(state->vector)}, from->offset,
                            options_.limits);
    session.answered_at = host_.clock().now();
    log_.info("streaming", {{"from", from->offset.bytes()},
                            {"replid", from->id.text()},
                            {"master", base::to_string(session.target->url())}});
    show(LinkState::kStreaming, {});
    for (auto& batch : session.kept) session.courier->take(std::move(batch), session.answered_at);
    session.gate.spawn(read_stream(session));
    session.gate.spawn(write_target(session));
    session.gate.spawn(read_replies(session));
    session.gate.spawn(acknowledge(session));
    co_await session.gate.closed();
    if (state_ == LinkState::kStreaming) show(session.broken, session.ended->detail);
  }
  session_ = nullptr;
  if (!from) co_return tl::unexpected(std::move(from).error());
  co_return tl::unexpected(*session.ended);
}

rt::Task<Result<>> Link::merge() {
  SnapshotMerge::Options options{.source = options_.source,
                                 .from = options_.from,
                                 .to = options_.to,
                                 .to_options = options_.to_options,
                                 .goes_on = goes_on_merging_};
  SnapshotMerge merge(host_, std::move(options), log_);
  merge_ = &merge;
  show(LinkState::kMerging, why_);
  crdt::VersionVector lacking = *lacking_;
  auto merged = co_await merge.run(std::move(lacking));
  metrics_.merged(merge.progress(), merged.has_value());
  merge_ = nullptr;
  if (merged) {
    lacking_.reset();
    goes_on_merging_ = false;
  }
  co_return merged;
}

rt::Task<Result<std::unique_ptr<redis::Upstream>>> Link::connect_source() {
  redis::UpstreamOptions options = options_.from;
  co_return co_await redis::Upstream::connect(host_, std::move(options));
}

// From the position that our master has stored. Where the keeper cannot go on from there, from the
// snapshot that it has, if our master has all that is in it.
rt::Task<Result<repl::Position>> Link::begin(Session& session, const RegionState& state) {
  show(LinkState::kNoSource, "connecting");
  redis::PsyncWish wish;
  if (!std::exchange(wants_older_, false)) wish.from = state.position_of(options_.source);
  for (int attempt = 0; attempt < 2; ++attempt) {
    CO_TRY(session.upstream, co_await connect_source());
    redis::PsyncWish asked = wish;
    CO_TRY(const auto reply, co_await session.upstream->psync(std::move(asked)));
    if (const auto* continued = std::get_if<repl::Continued>(&reply)) {
      co_return repl::Position{continued->id.value_or(wish.from->id), wish.from->offset};
    }
    const auto snapshot = std::get<repl::FullResyncBegun>(reply).snapshot;
    CO_TRY_VOID(co_await start_behind_snapshot(session, state, snapshot));
    session.is_behind_snapshot = true;
    wish.from = snapshot;
  }
  co_return fail(Errc::kBusy,
                 "the keeper does not go on from its own snapshot: its log is shorter");
}

rt::Task<Result<>> Link::start_behind_snapshot(Session& session, const RegionState& state,
                                               repl::Position snapshot) {
  SnapshotFront front;
  KeptBatches kept(snapshot.offset);
  while (!front.is_known()) {
    CO_TRY(const auto bytes, co_await session.upstream->read_snapshot());
    if (bytes.empty()) break;
    CO_TRY_VOID(front.feed(bytes));
    kept.feed(bytes);
  }
  session.upstream->close();
  const auto vector = front.vector();
  if (!vector) {
    show(LinkState::kNeedsSnapshot, {});
    co_return fail(Errc::kRejected,
                   "the peer's snapshot has no vector: load sluice-geo.so into the peer's Redis");
  }
  session.lacks.emplace(*vector, host_.clock().now());
  if (session.lacks->is_over(state.vector)) session.lacks.reset();
  session.kept = kept.take();
  std::erase_if(session.kept, [&state](const StreamBatch& batch) {
    return batch.header.actor.region ==
           state.self.region;  // not a peer's keeper: its stream will tell
  });
  log_.info(session.lacks ? "our region lacks some of the peer's snapshot"
                          : "our region has all of the peer's snapshot",
            {{"offset", snapshot.offset.bytes()},
             {"ours", to_string(state.vector)},
             {"snapshot", to_string(*vector)}});
  co_return Result<>{};
}

void Link::end(Session& session, Error why) {
  if (!session.ended) session.ended = std::move(why);
  if (session.upstream) session.upstream->close(session.ended->code);
  if (session.target) session.target->close(session.ended->code);
  session.gate.close();
  session.work.notify_all();
  session.room.notify_all();
  session.ack.notify_all();
}

rt::Task<void> Link::read_stream(Session& session) {
  while (!session.ended) {
    if (!session.courier->has_room()) {
      co_await session.room.wait();
      continue;
    }
    const auto bytes = co_await session.upstream->read_stream();
    if (!bytes) {
      end(session, {bytes.error().code, "source: " + bytes.error().detail});
      co_return;
    }
    metrics_.read(bytes->size());
    if (auto taken = take(session, *bytes); !taken) {
      end(session, std::move(taken).error());
      co_return;
    }
    session.work.notify_all();
  }
}

Result<> Link::take(Session& session, std::string_view bytes) {
  session.reader->feed(bytes);
  const auto now = host_.clock().now();
  for (;;) {
    TRY(auto found, session.reader->next());
    if (!found) break;
    if (auto* batch = std::get_if<StreamBatch>(&*found)) {
      TRY_VOID(check_maker(session, *batch));
      session.courier->take(std::move(*batch), now);
    } else {
      session.ack.notify_all();
    }
  }
  session.courier->read_to(session.reader->boundary());
  return {};
}

// A region's own batches come as such in its own stream alone.
Result<> Link::check_maker(Session& session, const StreamBatch& batch) {
  const auto region = batch.header.actor.region;
  if (batch.is_foreign || region != session.courier->self().region) return {};
  auto why = fmt::format(
      "the keeper follows a master of region {}, which is our own: name a peer's "
      "keeper, and give regions different ids",
      region);
  show(LinkState::kNoSource, why);
  return fail(Errc::kRejected, std::move(why));
}

rt::Task<void> Link::write_target(Session& session) {
  while (!session.ended) {
    const auto text = commands(session);
    if (!text.empty()) {
      metrics_.sent(text.size());
      const auto written = co_await session.target->write(text);
      if (written) continue;
      co_return;  // the session ends where the replies do: the last may say why
    }
    // What became due since it was looked at is found when it is looked at again; unless only an answer makes room for it.
    const auto at = session.courier->wake_at();
    const bool is_for_an_answer = !session.asked.empty() && at && *at <= host_.clock().now();
    if (at && !is_for_an_answer) {
      co_await session.work.wait_until(*at);
    } else {
      co_await session.work.wait();  // for an answer, or for bytes
    }
  }
}

std::string Link::commands(Session& session) {
  const auto now = host_.clock().now();
  auto& courier = *session.courier;
  std::string text;
  const auto ask = [&session, now](Asked what) {
    if (session.asked.empty()) session.answered_at = now;
    session.asked.push_back(what);
  };
  const auto replid = session.replid->text();
  ApplyCommand command;
  const auto append_apply = [&] {
    if (command.batches() == 0) return;
    session.asked_batches.push_back(command.batches());
    command.append_to(text, options_.source, replid);
    ask(Asked::kApply);
  };
  while (text.size() + command.bytes() < kWriteBytes) {
    const auto apply = courier.next(now);
    if (!apply) break;
    if (!command.takes(*apply)) append_apply();
    command.add(*apply);
  }
  append_apply();
  if (!session.is_vector_asked && (courier.wants_vector(now) || session.wants_vector)) {
    session.wants_vector = false;
    resp::append_command(text, {"GEO.VECTOR"});
    session.is_vector_asked = true;
    ask(Asked::kVector);
  }
  if (const auto at = courier.wants_position(now)) {
    resp::append_command(text,
                         {"GEO.POSITION", options_.source, replid, std::to_string(at->bytes())});
    session.asked_positions.push_back(*at);
    ask(Asked::kPosition);
  }
  return text;
}

rt::Task<void> Link::read_replies(Session& session) {
  while (!session.ended) {
    const auto reply = co_await session.target->read_reply();
    if (!reply) {
      session.broken = LinkState::kNoTarget;
      auto why = "master: " + reply.error().detail;
      // A connection that Redis ends for what came on it, such as an argument that is too long.
      const auto& trouble = session.courier->trouble();
      if (trouble && trouble->verdict == Verdict::kRefused) why += ", after: " + trouble->text;
      end(session, {reply.error().code, std::move(why)});
      co_return;
    }
    if (auto taken = take_reply(session, *reply); !taken) {
      end(session, std::move(taken).error());
      co_return;
    }
    session.work.notify_all();
    if (session.courier->has_room()) session.room.notify_all();
  }
}

Result<> Link::take_reply(Session& session, const resp::Reply& reply) {
  if (session.asked.empty()) return fail(Errc::kProtocol, "master: a reply to nothing");
  const auto asked = session.asked.front();
  session.asked.pop_front();
  session.answered_at = host_.clock().now();
  if (asked == Asked::kPosition) {
    if (reply.is_ok()) session.courier->positioned(session.asked_positions.front());
    if (reply.is_error() && !std::exchange(session.is_position_refused, true))
      log_.warn("our master does not remember how far we are", {{"answer", reply.text}});
    session.asked_positions.pop_front();
    return {};
  }
  if (asked == Asked::kVector) {
    session.is_vector_asked = false;
    TRY(const auto state, parse_region_state(reply));
    session.courier->learn(state.vector, host_.clock().now());
    return {};
  }
  const auto batches = session.asked_batches.front();
  session.asked_batches.pop_front();
  take_verdict(session, reply, batches);
  const auto& gap = session.courier->gap();
  if (gap && session.is_behind_snapshot) {
    crdt::VersionVector lacking;
    lacking.advance(*gap);
    return tl::unexpected(needs_snapshot(
        lacking, fmt::format("our master lacks op {} of region {}.{}, which no log holds any more",
                             gap->seq, gap->actor.region, gap->actor.incarnation)));
  }
  if (gap) {
    wants_older_ = true;
    return fail(Errc::kBusy,
                fmt::format("our master lacks op {} of region {}.{}, which this stream "
                            "does not hold from here: looking further back",
                            gap->seq, gap->actor.region, gap->actor.incarnation));
  }
  const auto& trouble = session.courier->trouble();
  if (trouble && trouble->verdict == Verdict::kRejoin) {
    crdt::VersionVector lacking;
    lacking.advance(trouble->dot);
    return tl::unexpected(
        needs_snapshot(lacking, "our region was told to leave: " + trouble->text));
  }
  // Our master waits for a snapshot that this link, or nobody, brings: whoever began with it has died.
  if (trouble && trouble->verdict == Verdict::kMerging &&
      (trouble->source == options_.source || trouble->source == kNobodyMerges)) {
    goes_on_merging_ = true;
    crdt::VersionVector any;
    any.advance({session.courier->self(), 1});
    return tl::unexpected(needs_snapshot(any, "a merge was cut off: " + trouble->text));
  }
  if (trouble && trouble->verdict == Verdict::kMerging) {
    return fail(Errc::kBusy, "master: " + trouble->text);
  }
  if (trouble && trouble->verdict == Verdict::kNoMaster) {
    return fail(Errc::kDisconnected, "master: " + trouble->text);
  }
  return {};
}

// What is refused of several that went together is told once they have gone alone.
void Link::take_verdict(Session& session, const resp::Reply& reply, std::size_t batches) {
  const auto answer = parse_answer(reply);
  metrics_.answered(answer.verdict);
  const bool is_done = answer.verdict == Verdict::kApplied || answer.verdict == Verdict::kDuplicate;
  if (batches > 1 && !is_done) return session.courier->split(batches);
  for (; batches > 0; --batches) {
    const auto settled = session.courier->answer(answer, host_.clock().now());
    if (settled) metrics_.settled(*settled, host_.clock().wall_ms());
  }
  show_trouble(*session.courier);
}

// A gap or a missing context is an everyday matter between links; the rest needs somebody.
void Link::show_trouble(const Courier& courier) {
  const auto& trouble = courier.trouble();
  const bool is_passing =
      !trouble || trouble->verdict == Verdict::kGap || trouble->verdict == Verdict::kWait;
  if (is_passing) return show(LinkState::kStreaming, trouble ? trouble->text : std::string());
  if (state_ != LinkState::kHeldUp) log_.error("batch refused", {{"answer", trouble->text}});
  show(LinkState::kHeldUp, trouble->text);
}

rt::Task<void> Link::acknowledge(Session& session) {
  while (!session.ended) {
    const auto acknowledged = co_await session.upstream->acknowledge(session.courier->settled());
    if (!acknowledged) {
      end(session, {acknowledged.error().code, "source: " + acknowledged.error().detail});
      co_return;
    }
    metrics_.show(*session.courier);
    if (session.lacks) judge_lack(session);
    co_await session.ack.wait_until(host_.clock().now() + options_.ack_interval);
    if (session.ended) co_return;
    const auto waited = host_.clock().now() - session.answered_at;
    if (!session.asked.empty() && waited > options_.answer_timeout) {
      session.broken = LinkState::kNoTarget;
      end(session, {Errc::kTimedOut, "master: no answer"});
    }
  }
}

void Link::judge_lack(Session& session) {
  const auto& known = session.courier->known();
  if (session.lacks->is_over(known)) {
    session.lacks.reset();
    return;
  }
  session.wants_vector = true;
  session.work.notify_all();
  const auto waited = session.lacks->waited(*session.courier, host_.clock().now());
  if (waited < options_.lack_patience) return;
  const auto& snapshot = session.lacks->snapshot();
  end(session,
      needs_snapshot(session.lacks->lacking(known),
                     "our region lacks what the keeper's log does not reach back to: it has " +
                         to_string(known) + ", the peer's snapshot " + to_string(snapshot)));
}

Error Link::needs_snapshot(const crdt::VersionVector& lacking, std::string why) {
  lacking_ = lacking;
  show(LinkState::kNeedsSnapshot, why);
  return {Errc::kRejected, std::move(why)};
}

void Link::show(LinkState state, std::string why) {
  state_ = state;
  why_ = std::move(why);
  metrics_.state(static_cast<std::size_t>(state));
}

}  // namespace sluice::geo
