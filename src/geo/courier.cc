#include "geo/courier.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::geo {
namespace {

// What an operator has to mend is not asked for every second.
constexpr int kSlowly = 5;
constexpr std::size_t kEntryOverhead = 128;

std::size_t cost(const StreamBatch& batch) {
  return batch.bytes.size() + kEntryOverhead;
}

crdt::Dot last(const crdt::BatchHeader& header) {
  return {header.actor, header.first + header.count - 1};
}

}  // namespace

Courier::Courier(Target target, repl::Offset from, Limits limits)
    : self_(target.self),
      limits_(limits),
      known_(std::move(target.vector)),
      sent_(known_),
      read_to_(from),
      positioned_(from) {}

void Courier::take(StreamBatch batch, rt::Instant now) {
  // The target's own ops come back in every peer's stream.
  const bool is_news = brings_promise(batch.header);
  auto& newest = newest_lives_[batch.header.actor.region];
  newest = std::max(newest, batch.header.actor.incarnation);
  if (batch.header.actor == self_ || is_covered(batch.header)) return;
  if (batch.is_foreign && batch.header.count == 0 && !is_news) return;
  unsettled_.insert(batch.begin);
  queue_bytes_ += cost(batch);
  waiting_ops_[batch.header.actor.region] += batch.header.count;
  if (batch.is_foreign) {
    hold({.batch = std::move(batch), .due = now + limits_.gossip_wait});
  } else {
    insert_pending({.batch = std::move(batch), .due = now});
  }
}

// A master that has been given a new follower sends again what some region may lack, behind newer batches.
void Courier::insert_pending(Entry entry) {
  const auto& header = entry.batch.header;
  const auto is_later = [&header](const Entry& other) {
    const auto& its = other.batch.header;
    return its.actor == header.actor && its.first >= header.first + header.count;
  };
  const bool is_in_order = pending_.empty() || !is_later(pending_.back());
  const auto at = is_in_order ? pending_.end() : std::ranges::find_if(pending_, is_later);
  pending_.insert(at, std::move(entry));
}

void Courier::learn(const crdt::VersionVector& vector, rt::Instant now) {
  known_.merge(vector);
  sent_.merge(vector);
  learned_at_ = now;
}

// An empty batch announces vectors: it has no ops that could be there already.
bool Courier::is_covered(const crdt::BatchHeader& header) const {
  return header.count > 0 && known_.covers(last(header));
}

// An announcement has no ops by which one could see that it is known. Passed on whenever it is seen, it would
// go round between regions for ever.
bool Courier::brings_promise(const crdt::BatchHeader& header) {
  auto& known = promised_[header.actor.region];
  bool is_news = false;
  for (const auto& dot : header.promise) {
    is_news = is_news || !known.covers(dot);
    known.advance(dot);
  }
  return is_news;
}

bool Courier::has_context(const crdt::BatchHeader& header) const {
  return std::ranges::all_of(header.context, [this](const crdt::Dot& seen) {
    return seen.actor == self_ || sent_.covers(seen);
  });
}

bool Courier::holds(const crdt::Dot& op) const {
  const auto has = [&op](const Entry& entry) {
    const auto& header = entry.batch.header;
    return header.actor == op.actor && header.first <= op.seq &&
           op.seq < header.first + header.count;
  };
  const auto is_in = [&has](const std::deque<Entry>& some) {
    return std::ranges::any_of(some, has);
  };
  const auto of_actor = held_.find(op.actor);
  return is_in(pending_) || (of_actor != held_.end() && is_in(of_actor->second)) ||
         is_in(in_flight_) || is_in(back_);
}

void Courier::settle(const Entry& entry) {
  if (entry.has_failed) trouble_.reset();  // by whomever it was brought
  unsettled_.erase(unsettled_.find(entry.batch.begin));
  queue_bytes_ -= cost(entry.batch);
  auto& waiting = waiting_ops_[entry.batch.header.actor.region];
  waiting -= std::min<std::uint64_t>(waiting, entry.batch.header.count);
}

repl::Offset Courier::settled() const {
  return unsettled_.empty() ? read_to_ : *unsettled_.begin();
}

std::optional<Courier::Apply> Courier::next(rt::Instant now) {
  if (is_draining_ || in_flight_bytes_ >= limits_.in_flight_bytes) return std::nullopt;
  if (auto apply = next_notice(now)) return apply;
  if (auto apply = next_held(now)) return apply;
  return next_pending(now);
}

// The target may take nothing that stands before a word about itself: its maker has left, or builds on what a lost life told.
// It must hear that it was told to leave, or is called back, out of turn: it takes a snapshot then, or gives in.
std::optional<Courier::Apply> Courier::next_notice(rt::Instant now) {
  if (!trouble_ || now < looks_at_) return std::nullopt;
  looks_at_ = now + limits_.gossip_wait;
  const auto find = [this](std::deque<Entry>& queue) {
    return std::ranges::find_if(queue, [this](Entry& entry) { return is_notice(entry); });
  };
  const auto send = [this](std::deque<Entry>& queue, std::deque<Entry>::iterator at) {
    Entry notice = std::move(*at);
    queue.erase(at);
    pending_.push_front(std::move(notice));
    return send_first();
  };
  if (const auto at = find(pending_); at != pending_.end()) return send(pending_, at);
  for (auto of_actor = held_.begin(); of_actor != held_.end(); ++of_actor) {
    auto& queue = of_actor->second;
    const auto at = find(queue);
    if (at == queue.end()) continue;
    auto apply = send(queue, at);
    --held_count_;
    if (queue.empty()) held_.erase(of_actor);
    return apply;
  }
  return std::nullopt;
}

bool Courier::is_notice(Entry& entry) const {
  if (std::exchange(entry.is_looked_at, true)) return false;
  const auto batch = crdt::decode_batch(entry.batch.bytes);
  return batch && std::ranges::any_of(batch->ops, [this](const crdt::Op& op) {
           const auto* const leave = std::get_if<crdt::Leave>(&op.effect);
           const auto* const back = std::get_if<crdt::Return>(&op.effect);
           return (leave != nullptr && leave->region == self_.region) ||
                  (back != nullptr && back->region == self_.region);
         });
}

// Of each actor the oldest: those behind it cannot go before. Of several the one that stands first in the stream.
std::optional<Courier::Apply> Courier::next_held(rt::Instant now) {
  auto first = held_.end();
  for (auto at = held_.begin(); at != held_.end();) {
    auto& queue = at->second;
    for (; !queue.empty() && is_covered(queue.front().batch.header); --held_count_) {
      settle(queue.front());
      queue.pop_front();
    }
    if (queue.empty()) {
      at = held_.erase(at);
      continue;
    }
    const bool is_first = first == held_.end() || is_earlier(queue.front(), first->second.front());
    if (is_first && may_go(queue.front(), now)) first = at;
    ++at;
  }
  if (first == held_.end()) return std::nullopt;
  auto& queue = first->second;
  pending_.push_front(std::move(queue.front()));
  queue.pop_front();
  --held_count_;
  if (queue.empty()) held_.erase(first);
  return send_first();
}

std::optional<Courier::Apply> Courier::next_pending(rt::Instant now) {
  while (!pending_.empty()) {
    auto& front = pending_.front();
    if (is_covered(front.batch.header)) {
      settle(front);
      pending_.pop_front();
      continue;
    }
    if (!may_go(front, now)) return std::nullopt;
    return send_first();
  }
  return std::nullopt;
}

bool Courier::may_go(Entry& entry, rt::Instant now) const {
  return !tried_.contains(entry.batch.header.actor) && is_due(entry, now);
}

void Courier::hold(Entry entry) {
  auto& queue = held_[entry.batch.header.actor];
  queue.insert(std::ranges::upper_bound(queue, entry, is_earlier), std::move(entry));
  ++held_count_;
}

// What builds on a batch that is still held waits for it; in the end the target says what it lacks.
bool Courier::is_due(Entry& entry, rt::Instant now) const {
  if (entry.needed && sent_.covers(*entry.needed)) return true;
  const bool has_all = has_context(entry.batch.header);
  if (entry.due > now) return has_all && entry.has_waited && !entry.has_failed;
  if (has_all || entry.has_waited) return true;
  entry.has_waited = true;
  entry.due = now + 2 * limits_.gossip_wait;
  return false;
}

std::optional<Courier::Apply> Courier::send_first() {
  in_flight_.push_back(std::move(pending_.front()));
  pending_.pop_front();
  const auto& batch = in_flight_.back().batch;
  in_flight_bytes_ += cost(batch);
  if (in_flight_.back().needed) tried_.insert(batch.header.actor);
  if (batch.header.count > 0) sent_.advance(last(batch.header));
  return Apply{.batch = &batch.bytes,
               .at = settled(),
               .actor = batch.header.actor,
               .is_alone = batch.is_foreign || in_flight_.back().is_alone};
}

void Courier::split(std::size_t count) {
  CHECK(count <= in_flight_.size());
  for (; count > 0; --count) {
    auto entry = std::move(in_flight_.front());
    in_flight_.pop_front();
    in_flight_bytes_ -= cost(entry.batch);
    if (entry.needed) tried_.erase(entry.batch.header.actor);
    entry.is_alone = true;
    back_.push_back(std::move(entry));
  }
  is_draining_ = true;
  if (in_flight_.empty()) bring_back();
}

std::optional<crdt::BatchHeader> Courier::answer(const Answer& answer, rt::Instant now) {
  CHECK(!in_flight_.empty());
  auto entry = std::move(in_flight_.front());
  in_flight_.pop_front();
  in_flight_bytes_ -= cost(entry.batch);
  if (entry.needed) tried_.erase(entry.batch.header.actor);
  const bool is_done = answer.verdict == Verdict::kApplied || answer.verdict == Verdict::kDuplicate;
  const bool is_dropped = is_void(entry, answer.verdict);
  std::optional<crdt::BatchHeader> settled_one;
  if (is_done || is_dropped) {
    if (is_done && entry.batch.header.count > 0) known_.advance(last(entry.batch.header));
    if (is_dropped) {
      ++dropped_;
      dropped_regions_.insert(entry.batch.header.actor.region);
    }
    settle(entry);
    settled_one = std::move(entry.batch.header);
  } else {
    retry(entry, answer, now);
    entry.is_alone = true;
    back_.push_back(std::move(entry));
  }
  if (is_draining_ && in_flight_.empty()) bring_back();
  return settled_one;
}

// Of a foreign batch its own link would be told the same. Of the peer's own: what it had made before it rejoined it has
// made anew in a later life.
bool Courier::is_void(const Entry& entry, Verdict verdict) const {
  if (verdict != Verdict::kDetached && verdict != Verdict::kBehind) return false;
  const auto& actor = entry.batch.header.actor;
  return entry.batch.is_foreign || newest_lives_.at(actor.region) > actor.incarnation;
}

// Only the first refusal says something: those behind it may be its echo.
void Courier::retry(Entry& entry, const Answer& answer, rt::Instant now) {
  const bool is_first = !std::exchange(is_draining_, true);
  if (!is_first) return;
  entry.has_failed = true;
  trouble_ = answer;
  entry.needed.reset();
  if (answer.verdict == Verdict::kGap || answer.verdict == Verdict::kWait)
    entry.needed = answer.dot;
  switch (answer.verdict) {
    case Verdict::kGap:
      if (!entry.gap_since) entry.gap_since = now;
      if (now - *entry.gap_since >= limits_.gap_wait) gap_ = answer.dot;
      entry.due = now + limits_.gossip_wait;
      break;
    case Verdict::kWait:
      // What was dropped before its region had left for all may be needed after all: it has to be read again.
      if (dropped_regions_.contains(answer.dot.actor.region)) {
        if (!entry.gap_since) entry.gap_since = now;
        if (now - *entry.gap_since >= limits_.gap_wait) gap_ = answer.dot;
      }
      entry.due = now + limits_.gossip_wait;
      break;
    case Verdict::kBehind:
    case Verdict::kDetached:
    case Verdict::kRejoin:
    case Verdict::kMerging:
      entry.due = now + kSlowly * limits_.retry_wait;
      break;
    case Verdict::kAhead:
    case Verdict::kRefused:
    case Verdict::kNoMaster:
    case Verdict::kApplied:
    case Verdict::kDuplicate:
      entry.due = now + limits_.retry_wait;
      break;
  }
}

void Courier::bring_back() {
  is_draining_ = false;
  sent_ = known_;
  std::ranges::stable_sort(back_, is_earlier);
  for (; !back_.empty(); back_.pop_back()) {
    auto& entry = back_.back();
    if (entry.batch.is_foreign) {
      hold(std::move(entry));
    } else {
      pending_.push_front(std::move(entry));
    }
  }
}

bool Courier::wants_vector(rt::Instant now) const {
  const bool is_blocked = !pending_.empty() && pending_.front().has_waited;
  return (!held_.empty() || is_blocked) && now - learned_at_ >= limits_.gossip_wait / 4;
}

std::optional<repl::Offset> Courier::wants_position(rt::Instant now) {
  if (settled() <= positioned_) return std::nullopt;
  if (positioned_at_ && now - *positioned_at_ < limits_.position_interval) return std::nullopt;
  positioned_at_ = now;
  return settled();
}

std::optional<rt::Instant> Courier::wake_at() const {
  std::optional<rt::Instant> at;
  const auto consider = [&at](rt::Instant one) { at = at ? std::min(*at, one) : one; };
  for (const auto& [actor, queue] : held_) consider(queue.front().due);
  if (!pending_.empty()) consider(pending_.front().due);
  if (!held_.empty() || (!pending_.empty() && pending_.front().has_waited)) {
    consider(learned_at_ + limits_.gossip_wait / 4);
  }
  if (settled() > positioned_ && positioned_at_) {
    consider(*positioned_at_ + limits_.position_interval);
  }
  return at;
}

}  // namespace sluice::geo
