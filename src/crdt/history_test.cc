#include "crdt/history_test.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/check.h"
#include "crdt/element_ops.h"
#include "crdt/native.h"
#include "crdt/number.h"

namespace sluice::crdt {
namespace {

using Entry = History::Entry;

bool is_of(const Entry& entry, const KeyName& key) {
  if (const auto* const flush = std::get_if<Flush>(&entry.op.effect))
    return flush->db == kEveryDb || flush->db == key.db;
  return entry.op.key == key;
}

bool replaces_key(const Entry& entry) {
  return std::holds_alternative<RemoveKey>(entry.op.effect) ||
         std::holds_alternative<Flush>(entry.op.effect) ||
         std::holds_alternative<WriteString>(entry.op.effect);
}

bool ends_deadlines(const Entry& entry) {
  return entry.op.creates || replaces_key(entry) ||
         std::holds_alternative<SetDeadline>(entry.op.effect);
}

struct LiveOp {
  const Entry* entry;
  ElementOp op;
};

// A list with every element that it ever had.
class ListHistory {
 public:
  void play(const Entry& op) {
    if (const auto* const insert = std::get_if<InsertElements>(&op.op.effect))
      return play(op, *insert);
    auto view = seen_by(op);
    if (const auto* const remove = std::get_if<RemoveElements>(&op.op.effect)) {
      const auto length = static_cast<std::int64_t>(view.size());
      const auto first = remove->at < 0 ? length + remove->at : remove->at;
      const auto last = first + static_cast<std::int64_t>(remove->count);
      CHECK(first >= 0 && last <= length);
      for (auto at = first; at < last; ++at)
        elements_[view[static_cast<std::size_t>(at)]].removers.push_back(&op);
    } else if (replaces_key(op) || type_of(op.op.effect) != ValueType::kNone) {
      for (const auto at : view) elements_[at].removers.push_back(&op);
    }
  }

  std::vector<std::string> values() const {
    std::vector<std::string> values;
    for (const Element& e : elements_)
      if (e.removers.empty()) values.push_back(e.value);
    return values;
  }

  std::pair<bool, Stamp> rank() const {
    std::pair<bool, Stamp> best;
    for (const Element& e : elements_)
      if (e.removers.empty()) best = std::max(best, {e.inserter->op.creates, e.inserter->stamp});
    return best;
  }

 private:
  struct Element {
    const Entry* inserter;
    std::string value;
    std::vector<const Entry*> removers;
  };

  std::vector<std::size_t> seen_by(const Entry& op) const {
    std::vector<std::size_t> view;
    for (std::size_t at = 0; at < elements_.size(); ++at) {
      const Element& e = elements_[at];
      if (op.saw(*e.inserter) &&
          std::ranges::none_of(e.removers, [&](const Entry* r) { return op.saw(*r); }))
        view.push_back(at);
    }
    return view;
  }

  void play(const Entry& op, const InsertElements& insert) {
    const auto view = seen_by(op);
    CHECK(insert.length == view.size());
    const auto length = static_cast<std::int64_t>(view.size());
    const auto left = insert.at < 0 ? length + 1 + insert.at : insert.at;
    std::size_t at = left == 0 ? 0 : view[static_cast<std::size_t>(left - 1)] + 1;
    while (at < elements_.size() && elements_[at].inserter->stamp > op.stamp) ++at;
    for (const auto& value : insert.values)
      elements_.insert(elements_.begin() + static_cast<std::ptrdiff_t>(at++), {&op, value, {}});
  }

  std::vector<Element> elements_;
};

// All that is left of one key.
class KeyHistory {
 public:
  explicit KeyHistory(std::vector<const Entry*> ops) : ops_(std::move(ops)) {
    for (const Entry* const entry : ops_) {
      add(*entry);
      list_.play(*entry);
    }
  }

  void project(const KeyName& key, ModelRedis& redis) const {
    ModelValue list{.type = ValueType::kList, .list = list_.values(), .deadline = deadline()};
    if (bodies_.empty() && list.list.empty()) return;
    const auto best =
        std::ranges::max_element(bodies_, {}, [&](const auto& body) { return rank(body.second); });
    if (bodies_.empty() || (!list.list.empty() && list_.rank() > rank(best->second))) {
      redis.keys[key] = list;
      return;
    }
    ModelValue value{.type = best->first};
    for (const auto& [name, live] : best->second) {
      auto element = folded(best->first, live);
      if (best->first == ValueType::kString)
        value.text = element;
      else if (best->first != ValueType::kStream || !name.empty())
        value.elements[name] = element;
    }
    value.deadline = deadline();
    redis.keys[key] = value;
  }

 private:
  using Body = std::map<std::string, std::vector<LiveOp>>;

  void add(const Entry& entry) {
    const auto type = type_of(entry.op.effect);
    for (auto& op : element_ops(entry.op.effect))
      if (op.is_live && !is_dead(entry, type, op.name))
        bodies_[type][std::string(op.name)].push_back({&entry, op});
  }

  bool is_dead(const Entry& entry, ValueType type, std::string_view name) const {
    return std::ranges::any_of(ops_, [&](const Entry* later) {
      if (!later->saw(entry)) return false;
      if (replaces_key(*later)) return true;
      const auto other = type_of(later->op.effect);
      if (other != type) return other != ValueType::kNone;
      const auto acts = element_ops(later->op.effect);
      return std::ranges::any_of(acts,
                                 [&](const ElementOp& op) { return op.kills && op.name == name; });
    });
  }

  Deadline deadline() const {
    std::optional<Deadline> latest;
    for (const Entry* const entry : ops_) {
      const bool is_replaced = std::ranges::any_of(
          ops_, [&](const Entry* later) { return ends_deadlines(*later) && later->saw(*entry); });
      if (is_replaced) continue;
      if (const auto* const set = std::get_if<SetDeadline>(&entry->op.effect))
        latest = std::max(latest.value_or(0), set->deadline);
      if (const auto* const write = std::get_if<WriteString>(&entry->op.effect))
        latest = std::max(latest.value_or(0), write->deadline);
    }
    return latest.value_or(kNoDeadline);
  }

  static std::pair<bool, Stamp> rank(const Body& body) {
    std::pair<bool, Stamp> best;
    for (const auto& [name, live] : body)
      for (const LiveOp& op : live) best = std::max(best, {op.entry->op.creates, op.entry->stamp});
    return best;
  }

  static std::string folded(ValueType type, std::vector<LiveOp> live) {
    std::ranges::sort(live, {}, [](const LiveOp& op) { return op.entry->stamp; });
    std::optional<std::string> value;
    for (const LiveOp& op : live)
      if (op.op.op.kind == LiveKind::kWrite) value = op.op.op.value;
    for (const LiveOp& op : live) {
      if (value && !is_hll(*value)) continue;
      if (op.op.op.kind == LiveKind::kAddToHll) {
        std::vector<std::string> elements;
        for (Reader from(*op.op.op.value); !from.at_end();) elements.emplace_back(from.text());
        value = hll_union(value.value_or(""), elements);
      } else if (op.op.op.kind == LiveKind::kMergeHll) {
        ModelRedis merged;
        merged.write_string({}, value.value_or(""));
        merged.merge_hll({}, *op.op.op.value);
        value = merged.string({});
      }
    }
    for (const LiveOp& op : live) {
      const Live& l = op.op.op;
      if (l.kind != LiveKind::kIncrement && l.kind != LiveKind::kIncrementFloat) continue;
      if (type == ValueType::kZset) {
        value = score_bytes(score_of(value.value_or(score_bytes(0))) + score_of(*l.value));
      } else if (l.kind == LiveKind::kIncrement) {
        value = incremented(value.value_or("0"), l.by);
      } else {
        value = incremented(value.value_or("0"), std::string_view(*l.value));
      }
    }
    return *value;
  }

  std::vector<const Entry*> ops_;
  std::map<ValueType, Body> bodies_;
  ListHistory list_;
};

}  // namespace

bool History::Entry::saw(const Entry& other) const {
  if (other.stamp.dot.actor == stamp.dot.actor) return other.stamp.dot.seq < stamp.dot.seq;
  return seen.covers(other.stamp.dot);
}

void History::add(std::string_view bytes) {
  const auto batch = decode_batch(bytes);
  CHECK(batch);
  const BatchHeader& header = batch->header;
  if (header.count == 0 || known_.covers({header.actor, header.first})) return;
  CHECK(known_.at(header.actor) == header.first - 1);
  VersionVector& seen = contexts_[header.actor];
  for (const Dot& dot : header.context) seen.advance(dot);
  Dot dot{header.actor, header.first};
  for (const Op& op : batch->ops) {
    if (const auto* const taken = std::get_if<TakeOver>(&op.effect)) add(*taken, dot, seen);
    ops_.push_back({op, stamp_of(header, op.effect, dot), seen});
    ++dot.seq;
  }
  known_.advance({header.actor, dot.seq - 1});
}

// Ops that an incarnation had made, or would have made next, whose stamp is decided now; for those who have heard `by`.
void History::add(const TakeOver& taken, const Dot& by, const VersionVector& seen) {
  Dot dot{{by.actor.region, taken.former}, taken.first};
  CHECK(known_.at(dot.actor) + 1 >= dot.seq);
  for (const Op& op : ops_of(taken)) {
    if (known_.covers(dot)) {
      restamps_.push_back({by, dot, taken.base});
    } else {
      ops_.push_back({op, {taken.base, dot}, seen});
      known_.advance(dot);
    }
    ++dot.seq;
  }
}

ModelRedis History::projection(const VersionVector& vector) const {
  std::vector<const Entry*> here;
  std::set<KeyName> keys;
  std::map<std::string, std::vector<const Entry*>> libraries;
  auto ops = ops_;
  for (const Restamp& restamp : restamps_)
    if (vector.covers(restamp.by))
      std::ranges::find(ops, restamp.of, [](const Entry& e) { return e.stamp.dot; })->stamp.hlc =
          restamp.hlc;
  for (const Entry& entry : ops) {
    if (!vector.covers(entry.stamp.dot)) continue;
    if (const auto* const library = std::get_if<WriteLibrary>(&entry.op.effect)) {
      libraries[library->name].push_back(&entry);
      continue;
    }
    here.push_back(&entry);
    if (!std::holds_alternative<Flush>(entry.op.effect)) keys.insert(entry.op.key);
  }
  ModelRedis redis;
  for (const KeyName& key : keys) {
    std::vector<const Entry*> of_key;
    std::ranges::copy_if(here, std::back_inserter(of_key),
                         [&](const Entry* e) { return is_of(*e, key); });
    KeyHistory(std::move(of_key)).project(key, redis);
  }
  for (auto& [name, writes] : libraries) {
    // Who takes over may have stamped a write anew, as before one that its maker had seen.
    const auto is_seen = [&](const Entry* one) {
      return std::ranges::any_of(writes, [&](const Entry* other) { return other->saw(*one); });
    };
    const auto* const last = *std::ranges::max_element(
        writes, {}, [&](const Entry* e) { return std::pair(!is_seen(e), e->stamp); });
    redis.write_library(name, std::get<WriteLibrary>(last->op.effect).code);
  }
  return redis;
}

}  // namespace sluice::crdt
