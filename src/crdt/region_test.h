// Regions by hand: what each writes, and who hears what when.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "crdt/model_redis_test.h"
#include "crdt/region.h"

namespace sluice::crdt {

struct TestRegion {
  explicit TestRegion(RegionId id, std::vector<RegionId> peers = {1, 2, 3}) : region(id, limits()) {
    for (const RegionId peer : peers)
      if (peer != id) region.join(peer, 0);
    region.begin_incarnation(1);
    sent.push_back(*region.flush(now_ms));
  }

  static RegionLimits limits() {
    RegionLimits limits;
    limits.announce_interval_ms = 0;
    return limits;
  }

  // Executes natively, notes, and flushes: one batch.
  void write(Effect effect, const std::string& key = "k") {
    Op op{{0, key}, std::move(effect), false};
    op.creates = redis.type(op.key) == ValueType::kNone &&
                 !std::holds_alternative<RemoveKey>(op.effect) &&
                 !std::holds_alternative<SetDeadline>(op.effect);
    redis.execute(op);
    region.note(op, redis, ++now_ms);
    sent.push_back(*region.flush(now_ms));
  }

  // Hears all that `from` has sent so far.
  void hear(TestRegion& from) {
    for (const auto& batch : from.sent) {
      const auto outcome = region.apply(batch, redis, now_ms + 1000);
      ASSERT_TRUE(outcome.has_value()) << outcome.error().detail;
      ASSERT_TRUE(std::holds_alternative<Applied>(*outcome) ||
                  std::holds_alternative<Duplicate>(*outcome))
          << "outcome " << outcome->index();
      if (std::holds_alternative<Applied>(*outcome)) sent.push_back(batch);
    }
  }

  void announce() {
    if (auto batch = region.flush(++now_ms)) sent.push_back(*batch);
  }

  void collect() {
    while (region.collect(100)) {
    }
  }

  Region region;
  ModelRedis redis;
  std::vector<std::string> sent;
  std::uint64_t now_ms = 1'000'000;
};

}  // namespace sluice::crdt
