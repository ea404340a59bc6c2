#include "replog/retention.h"

#include <algorithm>
#include <chrono>

namespace sluice::replog {
namespace {

class Decision {
 public:
  Decision(const Holdings& held, const Retention& policy, std::int64_t wall_ms)
      : held_(held), policy_(policy) {
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(policy.age).count();
    oldest_ms_ = wall_ms - age;
    for (const auto& each : held.retired) bytes_ += each.bytes;
    for (const auto& each : held.segments) bytes_ += each.bytes;
    for (const auto& each : held.snapshots) bytes_ += each.bytes;
    decision_.begin = held.segments.empty() ? repl::Offset{} : held.segments.front().start;
  }

  Discards decide() {
    drop_surplus_snapshots();
    while (next_retired() && (is_over() || next_retired()->wall_ms < oldest_ms_)) {
      bytes_ -= next_retired()->bytes;
      ++decision_.retired;
    }
    while (next_segment() && (is_over() || next_segment()->wall_ms < oldest_ms_)) drop_segment();
    while (is_over() && snapshots_left() > 1 && !is_kept(oldest_snapshot())) drop_snapshot();
    return decision_;
  }

 private:
  bool is_over() const { return bytes_ > policy_.bytes.bytes; }
  std::size_t snapshots_left() const { return held_.snapshots.size() - decision_.snapshots.size(); }

  const Snapshot& oldest_snapshot() const { return held_.snapshots[decision_.snapshots.size()]; }

  bool is_kept(const Snapshot& snapshot) const {
    const auto& kept = policy_.keep_snapshots;
    return std::ranges::find(kept, snapshot.file_name) != kept.end();
  }

  // What lies before it is of no use to anybody who is to be served.
  repl::Offset needed() const {
    auto lowest = std::min(held_.snapshots.back().at.offset, held_.known_mark.offset);
    if (policy_.keep_from) lowest = std::min(lowest, *policy_.keep_from);
    for (const auto& each : held_.snapshots) {
      if (is_kept(each)) lowest = std::min(lowest, each.at.offset);
    }
    return lowest;
  }

  const RetiredLineage* next_retired() const {
    return decision_.retired < held_.retired.size() ? &held_.retired[decision_.retired] : nullptr;
  }

  // The oldest segment left, if nothing that must stay is in it.
  const KeptSegment* next_segment() const {
    if (segments_ + 1 >= held_.segments.size() || held_.snapshots.empty()) return nullptr;
    const KeptSegment& oldest = held_.segments[segments_];
    return oldest.end <= needed() ? &oldest : nullptr;
  }

  void drop_snapshot() {
    const Snapshot& oldest = oldest_snapshot();
    bytes_ -= oldest.bytes;
    decision_.snapshots.push_back(oldest.file_name);
  }

  void drop_surplus_snapshots() {
    const auto wanted = std::max<std::size_t>(policy_.snapshots, 1);
    while (snapshots_left() > wanted && !is_kept(oldest_snapshot())) drop_snapshot();
  }

  // A snapshot from whose offset the stream does not go on is of no use.
  void drop_segment() {
    bytes_ -= held_.segments[segments_].bytes;
    decision_.begin = held_.segments[segments_].end;
    ++segments_;
    while (snapshots_left() > 1 && oldest_snapshot().at.offset < decision_.begin) drop_snapshot();
  }

  const Holdings& held_;
  const Retention& policy_;
  std::int64_t oldest_ms_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t segments_ = 0;
  Discards decision_;
};

}  // namespace

Discards discards(const Holdings& held, const Retention& policy, std::int64_t wall_ms) {
  return Decision(held, policy, wall_ms).decide();
}

}  // namespace sluice::replog
