#include <gtest/gtest.h>
#include <map>
#include <rapidcheck/gtest.h>

#include "crdt/element_table.h"

namespace sluice::crdt {
namespace {

constexpr Actor kUs{1, 1}, kThey{2, 1};

// The same elements in the long form only.
using Model = std::map<std::string, Element, std::less<>>;

void expect_same(const Element& a, const Element& b) {
  RC_ASSERT(a.base == b.base);
  RC_ASSERT(a.base_value == b.base_value);
  RC_ASSERT(a.live.size() == b.live.size());
  for (std::size_t at = 0; at < a.live.size(); ++at) {
    RC_ASSERT(a.live[at].stamp == b.live[at].stamp);
    RC_ASSERT(a.live[at].kind == b.live[at].kind);
    RC_ASSERT(a.live[at].creates == b.live[at].creates);
    RC_ASSERT(a.live[at].by == b.live[at].by);
    RC_ASSERT(a.live[at].value == b.live[at].value);
    RC_ASSERT(a.live[at].result == b.live[at].result);
  }
}

void expect_same(const ElementTable& table, const Model& model) {
  RC_ASSERT(table.size() == model.size());
  std::size_t found = 0;
  table.for_each([&](const ElementEntry&) { ++found; });
  RC_ASSERT(found == model.size());
  for (const auto& [name, element] : model) {
    const ElementEntry* const entry = table.find(name);
    RC_ASSERT(entry != nullptr);
    RC_ASSERT(entry->name() == name);
    RC_ASSERT(entry->ops() == element.live.size());
    RC_ASSERT(entry->greatest(true) == element.greatest(true));
    RC_ASSERT(entry->greatest(false) == element.greatest(false));
    entry->read([&](const Element& shown) { expect_same(shown, element); });
  }
}

std::uint64_t weighed(const ElementTable& table) {
  std::uint64_t bytes = 0;
  table.for_each([&](const ElementEntry& entry) { bytes += entry.bytes(); });
  return bytes;
}

class Game {
 public:
  void step() {
    const auto name = "element:" + std::to_string(*rc::gen::inRange(0, 40));
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
      case 1:
        return write(name);
      case 2:
        return add(name, {.kind = LiveKind::kIncrement, .by = *rc::gen::inRange(-9, 9)});
      case 3:
        return add(name, {.kind = LiveKind::kIncrementFloat, .value = "0.5", .result = "1.5"});
      case 4:
        table_.erase(name);
        model_.erase(name);
        return;
      case 5:
        return kill();
      case 6:
        return prune();
      default:
        return capture(name);
    }
  }
  void check() const {
    expect_same(table_, model_);
    RC_ASSERT(table_.bytes() >= weighed(table_));
    RC_ASSERT((table_.bytes() - weighed(table_)) % 8 == 0);
    RC_ASSERT(!table_.empty() || table_.bytes() == 0);
  }

 private:
  Stamp next() {
    ++seq_;
    return {Hlc{seq_}, {seq_ % 3 == 0 ? kThey : kUs, seq_}};
  }

  void write(const std::string& name) {
    const Stamp stamp = next();
    const bool creates = *rc::gen::arbitrary<bool>();
    std::optional<std::string> value;
    if (*rc::gen::arbitrary<bool>()) value = std::string(*rc::gen::inRange(0, 20), '7');
    table_.write(name, stamp, creates, value);
    Element& element = model_[name];
    element.kill(Context::everything());
    element.add({.stamp = stamp, .creates = creates, .value = value});
  }

  void add(const std::string& name, Live op) {
    op.stamp = next();
    table_.change(name, [&](Element& element) { element.add(op); });
    model_[name].add(op);
  }

  void capture(const std::string& name) {
    if (!model_.contains(name)) return;
    table_.change(name, [](Element& element) { element.capture("12", Arithmetic::kText); });
    model_[name].capture("12", Arithmetic::kText);
  }

  void kill() {
    VersionVector seen;
    seen.advance({kUs, *rc::gen::inRange<Seq>(0, seq_ + 1)});
    const Context context(seen, {kThey, *rc::gen::inRange<Seq>(0, seq_ + 1)});
    table_.erase_if([&](ElementEntry& entry) { return entry.kill(context); });
    erase_if([&](Element& element) {
      element.kill(context);
      return element.empty();
    });
  }

  void prune() {
    VersionVector forgotten;
    forgotten.advance({kUs, *rc::gen::inRange<Seq>(0, seq_ + 1)});
    forgotten.advance({kThey, *rc::gen::inRange<Seq>(0, seq_ + 1)});
    table_.erase_if([&](ElementEntry& entry) { return entry.prune(forgotten, Arithmetic::kText); });
    erase_if([&](Element& element) { return element.prune(forgotten, Arithmetic::kText); });
  }

  template <typename IsGone>
  void erase_if(IsGone is_gone) {
    for (auto next = model_.begin(); next != model_.end();)
      next = is_gone(next->second) ? model_.erase(next) : std::next(next);
  }

  ElementTable table_;
  Model model_;
  Seq seq_ = 0;
};

RC_GTEST_PROP(ElementTable, IsLikeElementsInAMap, ()) {
  Game game;
  const auto steps = *rc::gen::inRange(0, 200);
  for (int at = 0; at < steps; ++at) {
    game.step();
    game.check();
  }
}

TEST(ElementTable, FindsAllOfManyWhileTheyComeAndGo) {
  ElementTable table;
  constexpr Seq kMany = 100'000;
  for (Seq at = 1; at <= kMany; ++at)
    table.write("element:" + std::to_string(at), {Hlc{at}, {kUs, at}}, false, std::nullopt);
  ASSERT_EQ(table.size(), kMany);
  VersionVector forgotten;
  forgotten.advance({kUs, kMany - 1000});
  table.erase_if([&](ElementEntry& entry) { return entry.prune(forgotten, Arithmetic::kText); });
  ASSERT_EQ(table.size(), 1000U);
  for (Seq at = 1; at <= kMany; ++at)
    EXPECT_EQ(table.find("element:" + std::to_string(at)) != nullptr, at > kMany - 1000);
  EXPECT_LT(table.bytes(), 1000U * 110);
}

TEST(ElementTable, KeepsAnElementWithOneOpInAHundredBytes) {
  ElementTable table;
  constexpr Seq kMany = 10'000;
  for (Seq at = 1; at <= kMany; ++at)
    table.write("element:" + std::to_string(100'000'000'000 + at), {Hlc{at}, {kUs, at}}, false,
                std::nullopt);
  EXPECT_LT(table.bytes(), kMany * 100);
}

}  // namespace
}  // namespace sluice::crdt
