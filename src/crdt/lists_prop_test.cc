// Pushes, pops, removals of the whole key and those of its elements in several regions, over lists of which each may have
// forgotten all: everybody ends with the same order.
#include <algorithm>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "crdt/commands_test.h"
#include "crdt/region_test.h"

namespace sluice::crdt {
namespace {

struct Lists {
  explicit Lists(std::uint64_t seed) : dice(seed) {}

  void push(TestRegion& at) {
    const auto length = at.redis.type(key) == ValueType::kList ? at.redis.list_length(key) : 0;
    std::vector<std::string> values;
    for (auto count = 1 + dice.below(3); count > 0; --count)
      values.push_back(std::to_string(++pushed));
    const auto place = static_cast<std::int64_t>(dice.below(length + 1));
    at.write(InsertElements{dice.chance(50) ? place : place - static_cast<std::int64_t>(length) - 1,
                            values});
  }

  // What has lost its last element is gone as a key, too.
  void remove(TestRegion& at, const RemoveElements& gone) {
    at.write(gone);
    if (at.redis.type(key) == ValueType::kNone) at.write(RemoveKey{});
  }

  void write(TestRegion& at) {
    at.now_ms += dice.below(50);
    const bool is_list = at.redis.type(key) == ValueType::kList;
    if (!is_list || dice.chance(50)) return push(at);
    const auto length = static_cast<std::int64_t>(at.redis.list_length(key));
    const auto place = static_cast<std::int64_t>(dice.below(at.redis.list_length(key)));
    switch (dice.below(4)) {
      case 0:
        return remove(at, {place, 1});
      case 1:
        return remove(at, {place - length, static_cast<std::uint64_t>(length - place)});
      default:
        at.write(RemoveKey{});
        if (dice.chance(50)) push(at);
    }
  }

  void settle() { tell_promises(all); }

  std::string difference() const { return crdt::difference(all); }

  Dice dice;
  const KeyName key{0, "k"};
  std::uint64_t pushed = 0;
  TestRegion a{1}, b{2}, c{3};
  TestRegion* const all[3] = {&a, &b, &c};
};

class ListOfTwo : public testing::Test {
 protected:
  void meet() {
    for (int round = 0; round < 4; ++round) {
      a.hear(b);
      b.hear(a);
      a.announce();
      b.announce();
    }
    EXPECT_EQ(ModelRedis::difference(a.redis, b.redis), "");
    a.collect();
    b.collect();
  }

  TestRegion a{1, {1, 2}}, b{2, {1, 2}};
};

// a keeps nothing of the list that it removes; b still has it to stand behind.
TEST_F(ListOfTwo, PutsWhatFollowsARemovedListBeforeWhatWasPushedToThat) {
  for (const std::int64_t at : {0, -1}) {
    for (const bool is_later : {false, true}) {
      a.write(RemoveKey{});
      a.write(InsertElements{0, {"1", "2"}});
      meet();
      a.write(RemoveKey{});
      (is_later ? a : b).now_ms += 5000;
      a.write(InsertElements{-1, {"new"}});
      b.write(InsertElements{at, {"old"}});
      meet();
    }
  }
}

// b's removal says how long the list was, and a learns by that what it removed itself; what b writes next has seen that
// removal, and not what a pushed after it.
TEST_F(ListOfTwo, KnowsThatAListWasGoneToWhoeverSawSoByItsLength) {
  a.write(InsertElements{0, {"1", "2"}});
  meet();
  b.write(RemoveElements{1, 1});
  a.write(RemoveKey{});
  b.hear(a);
  a.write(InsertElements{-1, {"3"}});
  b.now_ms += 5000;
  b.write(InsertElements{-1, {"4"}});
  meet();
  EXPECT_EQ(a.redis.keys[(KeyName{0, "k"})].list, (std::vector<std::string>{"4", "3"}));
}

RC_GTEST_PROP(ListsOfRegions, EndInOneOrder, (std::uint64_t seed)) {
  Lists lists(seed);
  for (int round = 0; round < 4; ++round) {
    for (auto steps = 1 + lists.dice.below(12); steps > 0; --steps) {
      TestRegion& at = *lists.all[lists.dice.below(3)];
      TestRegion& from = *lists.all[lists.dice.below(3)];
      if (&at != &from && lists.dice.chance(30)) at.hear(from);
      if (lists.dice.chance(20)) at.announce();
      if (lists.dice.chance(20)) at.collect();
      lists.write(at);
    }
    lists.settle();
    RC_ASSERT(lists.difference() == "");
    for (TestRegion* one : lists.all) one->collect();
  }
}

}  // namespace
}  // namespace sluice::crdt
