// Batches that no master of ours would make: a region takes or refuses them, and stays whole.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "crdt/commands_test.h"
#include "crdt/region_test.h"

namespace sluice::crdt {
namespace {

// A peer's batches of random commands, some of whose bytes are changed: those that still are batches
// say what nobody did.
RC_GTEST_PROP(AnyBatch, HarmsNoRegion, (std::uint64_t seed)) {
  Dice dice(seed);
  TestRegion a{1, {2}};
  TestRegion b{2, {1}};
  Commands here(a.redis, dice, 1, [&](const Op& op) { a.region.note(op, a.redis, ++a.now_ms); });
  Commands there(b.redis, dice, 2, [&](const Op& op) { b.region.note(op, b.redis, ++b.now_ms); });
  for (int round = 0; round < 20; ++round) {
    here.run(1'000'000);
    there.run(1'000'000);
    while (auto batch = a.region.flush(++a.now_ms)) a.sent.push_back(*batch);
    while (auto batch = b.region.flush(++b.now_ms)) b.sent.push_back(*batch);
    std::string bytes = b.sent.back();
    for (auto flips = dice.below(4); flips > 0; --flips)
      bytes[dice.below(bytes.size())] = static_cast<char>(dice.next());
    (void)a.region.apply(bytes, a.redis, 2'000'000'000'000);
    a.collect();
    const auto saved = a.region.save();
    Region again(1, {});
    RC_ASSERT(again.load(saved).has_value());
    RC_ASSERT(again.save() == saved);
  }
}

}  // namespace
}  // namespace sluice::crdt
