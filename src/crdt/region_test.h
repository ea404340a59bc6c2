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
  explicit TestRegion(RegionId id, const std::vector<RegionId>& peers = {1, 2, 3})
      : region(id, limits()) {
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

  // The removal of its last element has ended the key.
  void empty(const KeyName& key) {
    ASSERT_EQ(redis.type(key), ValueType::kNone);
    region.note({key, RemoveKey{}, true}, redis, ++now_ms);
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

// What the snapshot does not have.
inline void merge_rest(Region& region, ModelRedis& redis, std::uint64_t now_ms) {
  region.begin_sweep();
  for (const auto& [key, value] : ModelRedis(redis).keys)
    if (!region.is_merged(key)) region.merge_key(key, [] {}, redis, now_ms);
}

inline void finish_merge(Region& region, std::uint32_t incarnation) {
  region.finish_merge(incarnation);
  region.tell_all();
}

// Everybody tells what he promises, and all hear all, until each knows that of each.
template <typename Regions>
void tell_promises(const Regions& regions) {
  for (int round = 0; round < 3; ++round) {
    for (TestRegion* one : regions) one->announce();
    for (TestRegion* one : regions)
      for (TestRegion* other : regions)
        if (one != other) one->hear(*other);
  }
}

// Each tells the next to leave, and writes before and behind that.
template <typename Regions>
void detach_in_a_ring(const Regions& regions) {
  for (std::size_t at = 0; at < std::size(regions); ++at) {
    TestRegion& one = *regions[at];
    one.write(Increment{10});
    one.region.detach(regions[(at + 1) % std::size(regions)]->region.self().region, one.now_ms);
    one.announce();
    one.write(Increment{100});
  }
}

// What the others have otherwise than the first.
template <typename Regions>
std::string difference(const Regions& regions) {
  std::string found;
  for (TestRegion* one : regions) found += ModelRedis::difference(regions[0]->redis, one->redis);
  return found;
}

// Both hear all, twice: promises too; and forget.
inline void exchange(TestRegion& a, TestRegion& b) {
  for (int round = 0; round < 4; ++round) {
    a.hear(b);
    b.hear(a);
    a.announce();
    b.announce();
  }
}

}  // namespace sluice::crdt
