// What a native write costs on top, and what a key takes until everybody has it:
//   ninja -C build crdt_region_bench && build/crdt_region_bench
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <string>
#include <vector>

#include "crdt/no_keyspace_test.h"
#include "crdt/region.h"

namespace sluice::crdt {
namespace {

std::vector<Op> ops_on(std::size_t keys, const Effect& effect) {
  std::vector<Op> ops;
  ops.reserve(keys);
  for (std::size_t key = 0; key < keys; ++key)
    ops.push_back({{0, "key:" + std::to_string(1'000'000'000'000 + key)}, effect, false});
  return ops;
}

constexpr std::size_t kBatchOps = 16;  // of one turn of the event loop

void note_all(Region& region, const std::vector<Op>& ops, NoKeyspace& keyspace) {
  std::size_t noted = 0;
  for (const Op& op : ops) {
    region.note(op, keyspace, 1'000'000);
    if (++noted % kBatchOps == 0) benchmark::DoNotOptimize(region.flush(1'000'000));
  }
  while (region.flush(1'000'000)) {
  }
}

// range(0): which effect. Each key is known from the round before.
void note_known(benchmark::State& state, const Effect& effect) {
  NoKeyspace keyspace;
  Region region(1, {});
  region.begin_incarnation(1);
  const auto ops = ops_on(10'000, effect);
  note_all(region, ops, keyspace);
  for ([[maybe_unused]] auto _ : state) note_all(region, ops, keyspace);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * ops.size()));
}

void note_unknown(benchmark::State& state, const Effect& effect) {
  NoKeyspace keyspace;
  const auto ops = ops_on(100'000, effect);
  double bytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    Region region(1, {});
    region.begin_incarnation(1);
    const auto before = mallinfo2().uordblks;
    note_all(region, ops, keyspace);
    bytes = static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(ops.size());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * ops.size()));
  state.counters["bytes_per_key"] = bytes;
}

void apply_observed(benchmark::State& state, const Effect& effect) {
  NoKeyspace keyspace;
  const auto ops = ops_on(10'000, effect);
  for ([[maybe_unused]] auto _ : state) {
    state.PauseTiming();
    Region from(1, {});
    Region to(2, {});
    from.begin_incarnation(1);
    to.begin_incarnation(1);
    while (to.flush(1'000'000)) {
    }
    std::vector<std::string> batches;
    for (const Op& op : ops) {
      from.note(op, keyspace, 1'000'000);
      batches.push_back(*from.flush(1'000'000));
    }
    state.ResumeTiming();
    for (const auto& batch : batches)
      benchmark::DoNotOptimize(to.apply(batch, keyspace, 1'000'000));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * ops.size()));
}

const Effect kSet = WriteString{std::string(64, 'v')};
const Effect kIncrement = Increment{1};
const Effect kField = WriteFields{{{"field", std::string(32, 'v')}}};
const Effect kScore = WriteScores{{{"member", 1.5}}};

BENCHMARK_CAPTURE(note_known, set, kSet);
BENCHMARK_CAPTURE(note_known, increment, kIncrement);
BENCHMARK_CAPTURE(note_known, hset, kField);
BENCHMARK_CAPTURE(note_known, zadd, kScore);
BENCHMARK_CAPTURE(note_unknown, set, kSet);
BENCHMARK_CAPTURE(note_unknown, increment, kIncrement);
BENCHMARK_CAPTURE(note_unknown, hset, kField);
BENCHMARK_CAPTURE(note_unknown, zadd, kScore);
BENCHMARK_CAPTURE(apply_observed, set, kSet);
BENCHMARK_CAPTURE(apply_observed, hset, kField);

}  // namespace
}  // namespace sluice::crdt

BENCHMARK_MAIN();
