#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "repl/catch_up.h"

namespace sluice::repl {
namespace {

CatchUpCosts any_costs() {
  const auto bytes = [] { return *rc::gen::inRange<std::uint64_t>(0, 1ULL << 42); };
  return {.replay_bytes = bytes(),
          .snapshot_bytes = bytes(),
          .tail_bytes = bytes(),
          .bandwidth = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 32),
          .stream_rate = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 33)};
}

CatchUpMargin any_margin() {
  return {.times = *rc::gen::inRange<std::uint32_t>(0, 100),
          .gain = std::chrono::seconds(*rc::gen::inRange(0, 10'000))};
}

RC_GTEST_PROP(CatchUpProp, TakesASnapshotOnlyWhereBothMarginsAreMet, ()) {
  const auto margin = any_margin();
  const auto choice = choose_catch_up(any_costs(), margin);
  if (choice.by == CatchUpBy::kReplay) return;
  RC_ASSERT(choice.replay_seconds && choice.snapshot_seconds);
  RC_ASSERT(*choice.snapshot_seconds < *choice.replay_seconds);
  RC_ASSERT(*choice.snapshot_seconds * margin.times <= *choice.replay_seconds);
  RC_ASSERT(*choice.replay_seconds - *choice.snapshot_seconds >=
            static_cast<double>(margin.gain.count()));
}

RC_GTEST_PROP(CatchUpProp, LeansToTheSnapshotTheMoreLogThereIsToReplay, ()) {
  auto costs = any_costs();
  const auto margin = any_margin();
  const auto before = choose_catch_up(costs, margin);
  costs.replay_bytes += *rc::gen::inRange<std::uint64_t>(0, 1ULL << 42);
  const auto after = choose_catch_up(costs, margin);
  RC_ASSERT(before.by == CatchUpBy::kReplay || after.by == CatchUpBy::kSnapshot);
}

RC_GTEST_PROP(CatchUpProp, LeansToTheSnapshotTheMoreOfItIsHere, ()) {
  auto costs = any_costs();
  const auto margin = any_margin();
  const auto before = choose_catch_up(costs, margin);
  costs.snapshot_bytes -= *rc::gen::inRange<std::uint64_t>(0, costs.snapshot_bytes + 1);
  const auto after = choose_catch_up(costs, margin);
  RC_ASSERT(before.by == CatchUpBy::kReplay || after.by == CatchUpBy::kSnapshot);
}

RC_GTEST_PROP(CatchUpProp, NeverTakesASnapshotThatLeavesAsMuchLogToReplay, ()) {
  auto costs = any_costs();
  costs.replay_bytes = *rc::gen::inRange<std::uint64_t>(0, costs.tail_bytes + 1);
  RC_ASSERT(choose_catch_up(costs, {.times = 1, .gain = {}}).by == CatchUpBy::kReplay);
}

}  // namespace
}  // namespace sluice::repl
