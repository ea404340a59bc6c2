// Concurrent commands of every pair of families: all regions end equal, in whatever order and however often they hear of them,
// and whatever each has forgotten.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <tuple>

#include "crdt/commands_test.h"
#include "crdt/region_test.h"

namespace sluice::crdt {
namespace {

// Two that write, and two that hear of it in either order.
struct World {
  explicit World(std::uint64_t seed) : dice(seed) {}

  // A turn of some commands.
  void write(TestRegion& at, RegionId id, Family family) {
    Commands commands(at.redis, dice, id,
                      [&](const Op& op) { at.region.note(op, at.redis, ++at.now_ms); });
    for (auto count = 1 + dice.below(3); count > 0; --count) commands.run(family, at.now_ms);
    while (auto batch = at.region.flush(++at.now_ms)) at.sent.push_back(std::move(*batch));
  }

  void deliver() {
    c.hear(a);
    c.hear(b);
    d.hear(b);
    d.hear(a);
    a.hear(b);
    b.hear(a);
  }

  void settle() { tell_promises(all); }

  std::string difference() const { return crdt::difference(all); }

  Dice dice;
  TestRegion a{1, {1, 2, 3, 4}}, b{2, {1, 2, 3, 4}}, c{3, {1, 2, 3, 4}}, d{4, {1, 2, 3, 4}};
  TestRegion* const all[4] = {&a, &b, &c, &d};
};

class PairOfFamilies : public testing::TestWithParam<std::tuple<int, int>> {
 protected:
  const Family first = static_cast<Family>(std::get<0>(GetParam()));
  const Family second = static_cast<Family>(std::get<1>(GetParam()));
};

TEST_P(PairOfFamilies, CommutesAbsorbsAndForgets) {
  const auto holds = [&](std::uint64_t seed) {
    World world(seed);
    world.write(world.a, 1, first);
    world.settle();
    RC_ASSERT(world.difference() == "");

    world.write(world.a, 1, first);
    world.write(world.b, 2, second);
    world.deliver();
    RC_ASSERT(world.difference() == "");

    const ModelRedis once = world.c.redis;
    world.deliver();
    RC_ASSERT(world.c.redis == once);
    RC_ASSERT(world.difference() == "");

    world.settle();
    world.a.collect();
    world.c.collect();
    RC_ASSERT(world.c.region.stats().unstable_keys == 0U);
    RC_ASSERT(world.c.redis == once);

    world.write(world.a, 1, second);
    world.write(world.b, 2, first);
    world.deliver();
    RC_ASSERT(world.difference() == "");
  };
  EXPECT_TRUE(rc::check("every region ends equal", holds));
}

std::string name_of(const testing::TestParamInfo<std::tuple<int, int>>& pair) {
  static constexpr const char* kNames[kFamilies] = {"String", "Counter", "Hash", "Set", "Zset",
                                                    "List",   "Stream",  "Hll",  "Key", "Whole"};
  return std::string(kNames[std::get<0>(pair.param)]) + "And" + kNames[std::get<1>(pair.param)];
}

INSTANTIATE_TEST_SUITE_P(Every, PairOfFamilies,
                         testing::Combine(testing::Range(0, kFamilies),
                                          testing::Range(0, kFamilies)),
                         name_of);

}  // namespace
}  // namespace sluice::crdt
