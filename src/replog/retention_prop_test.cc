#include <algorithm>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "replog/retention.h"

namespace sluice::replog {
namespace {

using repl::Offset;

constexpr std::int64_t kNow = 1'000'000;

Holdings holdings() {
  Holdings held;
  std::int64_t wall = 0;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    wall += *rc::gen::inRange(0, 100'000);
    held.retired.push_back(
        {"l" + std::to_string(i), *rc::gen::inRange<std::uint64_t>(0, 500), wall});
  }
  Offset at{*rc::gen::inRange<std::uint64_t>(0, 1000)};
  const Offset begin = at;
  for (int i = *rc::gen::inRange(1, 8); i > 0; --i) {
    const auto bytes = *rc::gen::inRange<std::uint64_t>(1, 300);
    wall += *rc::gen::inRange(0, 100'000);
    held.segments.push_back({at, at + bytes, bytes, wall});
    at = at + bytes;
  }
  auto offsets = *rc::gen::container<std::vector<std::uint64_t>>(
      rc::gen::inRange<std::uint64_t>(begin.bytes(), at.bytes() + 1));
  std::ranges::sort(offsets);
  for (const auto offset : offsets) {
    Snapshot snapshot;
    snapshot.at.offset = Offset{offset};
    snapshot.bytes = *rc::gen::inRange<std::uint64_t>(0, 300);
    snapshot.file_name = std::to_string(held.snapshots.size());
    held.snapshots.push_back(snapshot);
  }
  held.known_mark.offset = Offset{*rc::gen::inRange(begin.bytes(), at.bytes() + 1)};
  return held;
}

Retention policy() {
  return {.bytes = {*rc::gen::inRange<std::uint64_t>(0, 3000)},
          .age = std::chrono::seconds(*rc::gen::inRange(0, 1000)),
          .snapshots = *rc::gen::inRange<std::uint32_t>(0, 4)};
}

std::uint64_t bytes_left(const Holdings& held, const Discards& gone) {
  std::uint64_t bytes = 0;
  for (std::size_t i = gone.retired; i < held.retired.size(); ++i) bytes += held.retired[i].bytes;
  for (const auto& each : held.segments) bytes += each.end > gone.begin ? each.bytes : 0;
  for (const auto& each : held.snapshots) {
    const auto& names = gone.snapshots;
    const bool is_left = std::ranges::find(names, each.file_name) == names.end();
    bytes += is_left ? each.bytes : 0;
  }
  return bytes;
}

RC_GTEST_PROP(RetentionProp, KeepsWhatReplicasHaveAPartOfAndTheStreamAfterIt, ()) {
  const auto held = holdings();
  RC_PRE(!held.snapshots.empty());
  const auto& kept = held.snapshots[*rc::gen::inRange<std::size_t>(0, held.snapshots.size())];
  auto wanted = policy();
  wanted.keep_snapshots = {"gone long ago", kept.file_name};
  const auto gone = discards(held, wanted, kNow);
  RC_ASSERT(std::ranges::find(gone.snapshots, kept.file_name) == gone.snapshots.end());
  RC_ASSERT(gone.begin <= kept.at.offset || gone.begin == held.segments.front().start);
}

RC_GTEST_PROP(RetentionProp, KeepsTheStreamThatAReplicaStillNeeds, ()) {
  const auto held = holdings();
  const auto begin = held.segments.front().start;
  auto wanted = policy();
  wanted.keep_from = begin + *rc::gen::inRange<std::uint64_t>(0, 2000);
  RC_ASSERT(discards(held, wanted, kNow).begin <= std::max(begin, *wanted.keep_from));
}

RC_GTEST_PROP(RetentionProp, KeepsTheNewestSnapshotAndAllThatItNeeds, ()) {
  const auto held = holdings();
  const auto gone = discards(held, policy(), kNow);
  RC_ASSERT(gone.begin <= held.known_mark.offset || gone.begin == held.segments.front().start);
  RC_ASSERT(gone.begin <= held.segments.back().start);
  if (held.snapshots.empty()) {
    RC_ASSERT(gone.begin == held.segments.front().start);
    return;
  }
  RC_ASSERT(gone.begin <= held.snapshots.back().at.offset ||
            gone.begin == held.segments.front().start);
  for (const auto& name : gone.snapshots) RC_ASSERT(name != held.snapshots.back().file_name);
}

RC_GTEST_PROP(RetentionProp, TakesTheOldestFirstAndWholeSegments, ()) {
  const auto held = holdings();
  const auto gone = discards(held, policy(), kNow);
  bool is_a_start = false;
  for (const auto& each : held.segments) is_a_start |= each.start == gone.begin;
  RC_ASSERT(is_a_start);
  for (std::size_t i = 0; i < gone.snapshots.size(); ++i) {
    RC_ASSERT(gone.snapshots[i] == held.snapshots[i].file_name);
  }
}

RC_GTEST_PROP(RetentionProp, TakesNothingThatThePolicyWants, ()) {
  const auto held = holdings();
  Retention generous = policy();
  generous.bytes = {bytes_left(held, Discards{})};
  generous.age = std::chrono::hours(24);
  generous.snapshots = 1000;
  const Discards nothing{.retired = 0, .begin = held.segments.front().start, .snapshots = {}};
  RC_ASSERT(discards(held, generous, kNow) == nothing);
}

RC_GTEST_PROP(RetentionProp, GetsBelowTheLimitUnlessAllThatIsLeftIsNeeded, ()) {
  const auto held = holdings();
  const auto limits = policy();
  const auto gone = discards(held, limits, kNow);
  if (bytes_left(held, gone) <= limits.bytes.bytes) return;
  RC_ASSERT(gone.retired == held.retired.size());
  RC_ASSERT(held.snapshots.empty() || gone.snapshots.size() + 1 == held.snapshots.size());
  if (held.snapshots.empty()) return;
  const Offset needed = std::min(held.snapshots.back().at.offset, held.known_mark.offset);
  for (std::size_t i = 0; i + 1 < held.segments.size(); ++i) {
    const auto& each = held.segments[i];
    RC_ASSERT(each.end <= gone.begin || each.end > needed);
  }
}

RC_GTEST_PROP(RetentionProp, IsContentWithWhatItLeft, ()) {
  auto held = holdings();
  const auto limits = policy();
  const auto gone = discards(held, limits, kNow);
  const auto retired = static_cast<std::ptrdiff_t>(gone.retired);
  held.retired.erase(held.retired.begin(), held.retired.begin() + retired);
  std::erase_if(held.segments, [&](const auto& each) { return each.end <= gone.begin; });
  const auto snapshots = static_cast<std::ptrdiff_t>(gone.snapshots.size());
  held.snapshots.erase(held.snapshots.begin(), held.snapshots.begin() + snapshots);
  const Discards nothing{.retired = 0, .begin = held.segments.front().start, .snapshots = {}};
  RC_ASSERT(discards(held, limits, kNow) == nothing);
}

TEST(Retention, TakesRetiredLineagesBeforeTheActiveStream) {
  Holdings held;
  held.retired = {{"l1", 100, 0}, {"l2", 100, 0}};
  held.segments = {{Offset{0}, Offset{100}, 100, kNow}, {Offset{100}, Offset{200}, 100, kNow}};
  Snapshot snapshot;
  snapshot.at.offset = Offset{150};
  held.snapshots = {snapshot};
  held.known_mark.offset = Offset{200};
  const Retention limits{.bytes = {300}, .age = std::chrono::hours(1), .snapshots = 2};
  EXPECT_EQ(discards(held, limits, kNow).retired, 1U);
  EXPECT_EQ(discards(held, limits, kNow).begin, Offset{0});
}

}  // namespace
}  // namespace sluice::replog
