#include "crdt/surplus.h"

#include <algorithm>

#include "base/check.h"
#include "crdt/effect_codec.h"
#include "crdt/element_ops.h"
#include "crdt/native.h"
#include "crdt/number.h"
#include "crdt/region_state.h"

namespace sluice::crdt {
namespace {

Effect write_of(ValueType type, const std::string& name, const std::string& value) {
  switch (type) {
    case ValueType::kHash:
      return WriteFields{{{name, value}}};
    case ValueType::kSet:
      return AddMembers{{name}};
    case ValueType::kZset:
      return WriteScores{{{name, score_of(value)}}};
    case ValueType::kStream: {
      Reader from(value);
      return AddEntry{stream_id(name), decode_fields(from)};
    }
    case ValueType::kString:
    case ValueType::kNone:
    case ValueType::kList:
    case ValueType::kOther:
      return ChangeString{value};
  }
  return ChangeString{value};
}

Effect effect_of(ValueType type, const std::string& name, const Live& live) {
  switch (live.kind) {
    case LiveKind::kWrite:
      return write_of(type, name, live.value.value_or(""));
    case LiveKind::kIncrement:
      if (type == ValueType::kHash) return IncrementField{name, live.by};
      return Increment{live.by};
    case LiveKind::kIncrementFloat:
      if (type == ValueType::kHash) return IncrementFieldFloat{name, *live.value};
      if (type == ValueType::kZset) return IncrementScore{name, score_of(*live.value)};
      return IncrementFloat{*live.value};
    case LiveKind::kMergeHll:
      return MergeHll{*live.value};
    case LiveKind::kAddToHll: {
      AddToHll add;
      for (Reader from(*live.value); from.ok() && !from.at_end();)
        add.elements.emplace_back(from.text());
      return add;
    }
  }
  return RemoveKey{};
}

class Collector {
 public:
  Collector(const SurplusQuery& query, Keyspace& keyspace)
      : query_(query), keyspace_(keyspace), shown_(keyspace.type(query.key)) {}

  void add(KeyState& entry) {
    for (Body& body : entry.bodies) {
      std::vector<std::string> names;
      body.elements.for_each([&](const auto& element) { names.emplace_back(element.name()); });
      for (const auto& name : in_order(names))
        body.elements.change(name, [&](Element& of) { add(body.type, name, of); });
    }
    if (entry.list != nullptr) add(*entry.list);
    for (const LiveDeadline& deadline : entry.deadlines)
      if (is_ours(deadline.stamp)) add(SetDeadline{deadline.deadline}, deadline.stamp);
  }

  void add_plain(const KeyState* entry) {
    add_plain_elements(entry);
    const auto deadline = keyspace_.deadline(query_.key);
    const bool is_told = entry != nullptr && !entry->deadlines.empty();
    if (!is_told && shown_ != ValueType::kNone && deadline != kNoDeadline)
      add(SetDeadline{deadline}, {});
  }

  std::vector<Surplus> take() { return std::move(found_); }

 private:
  // As every follower has them, whatever order its tables are in.
  static std::vector<std::string>& in_order(std::vector<std::string>& names) {
    std::ranges::sort(names);
    return names;
  }

  void add_plain_elements(const KeyState* entry) {
    if (shown_ == ValueType::kList && (entry == nullptr || entry->list == nullptr))
      add(InsertElements{-1,
                         keyspace_.list_range(query_.key, 0, keyspace_.list_length(query_.key))},
          {});
    if (shown_ == ValueType::kString && entry == nullptr)
      add(ChangeString{keyspace_.string(query_.key)}, {});
    if (shown_ == ValueType::kString || shown_ == ValueType::kList) return;
    const Body* const body =
        entry == nullptr ? nullptr : const_cast<KeyState*>(entry)->find(shown_);
    std::vector<std::string> names;
    keyspace_.for_each_element(query_.key, [&](std::string_view name, std::string_view) {
      if (body == nullptr || body->elements.find(name) == nullptr) names.emplace_back(name);
    });
    for (const auto& name : in_order(names))
      add(write_of(shown_, name, read_element(keyspace_, query_.key, shown_, name).value_or("")),
          {});
  }

  bool is_ours(const Stamp& stamp) const {
    return stamp.dot.actor.region == query_.region && !query_.peer.covers(stamp.dot);
  }

  void add(Effect effect, const Stamp& stamp) {
    found_.push_back({{query_.key, std::move(effect)}, stamp});
  }

  void add(ValueType type, const std::string& name, Element& element) {
    if (type == ValueType::kStream && name.empty()) return;  // comes with its entries
    const bool keeps_base =
        query_.keeps_plain && type == shown_ && element.base != BaseState::kNone;
    if (!keeps_base &&
        std::ranges::none_of(element.live, [&](const Live& live) { return is_ours(live.stamp); }))
      return;
    if (type == shown_)
      element.capture(read_element(keyspace_, query_.key, type, name), arithmetic_of(type));
    // What stands beneath increments, and no op tells.
    if (keeps_base && element.base == BaseState::kKnown)
      add(write_of(type, name, element.base_value), {});
    for (const Live& live : element.live)
      if (is_ours(live.stamp)) add(effect_of(type, name, live), live.stamp);
  }

  void add(const Sequence& list) {
    std::uint64_t at = 0;
    for (const Piece& piece : list.pieces()) {
      if (!piece.is_visible()) continue;
      const bool is_wanted = is_ours(piece.stamp) || (query_.keeps_plain && piece.is_stable());
      if (is_wanted && shown_ == ValueType::kList) {
        add(InsertElements{-1, keyspace_.list_range(query_.key, at, piece.count)}, piece.stamp);
      } else if (is_wanted && !piece.values.empty()) {
        add(InsertElements{-1, piece.values}, piece.stamp);
      }
      at += piece.count;
    }
  }

  const SurplusQuery& query_;
  Keyspace& keyspace_;
  ValueType shown_;
  std::vector<Surplus> found_;
};

}  // namespace

void encode_surplus(const Surplus& surplus, Writer& into) {
  into.stamp(surplus.stamp);
  encode_op(surplus.op, std::nullopt, into);
}

Surplus decode_surplus(Reader& from) {
  const auto stamp = from.stamp();
  return {decode_op(nullptr, from), stamp};
}

std::vector<Surplus> surplus_of(const SurplusQuery& query, KeyState* entry, Keyspace& keyspace) {
  Collector collector(query, keyspace);
  if (entry != nullptr) collector.add(*entry);
  if (query.keeps_plain) collector.add_plain(entry);
  auto found = collector.take();
  // As they were made: stamps within a batch do not tell, since only some of them have its time.
  std::ranges::stable_sort(found, {}, [](const Surplus& one) { return one.stamp.dot; });
  return found;
}

namespace {

// As a whole: places count what is here, and whoever lacks what was never told would remove what he has instead.
void tell_list(const KeyName& key, const Sequence& list, Keyspace& keyspace, std::vector<Op>& ops) {
  const auto is_told = [](const Piece& piece) { return !piece.is_visible() || !piece.is_stable(); };
  if (std::ranges::all_of(list.pieces(), is_told)) return;
  ops.push_back({key, RemoveKey{}});
  ops.push_back(
      {key, InsertElements{0, keyspace.list_range(key, 0, keyspace.list_length(key))}, true});
}

// What has no write of its own stands on a value that its maker may not have had.
bool is_told(const ElementEntry& entry) {
  bool is_written = false;
  entry.read([&](const Element& element) {
    is_written = std::ranges::any_of(
        element.live, [](const Live& live) { return live.kind == LiveKind::kWrite; });
  });
  return is_written;
}

void tell_sums(const KeyName& key, const Body& body, Keyspace& keyspace, std::vector<Op>& ops) {
  if (body.type != ValueType::kHash && body.type != ValueType::kZset) return;
  std::vector<std::string> names;
  body.elements.for_each([&](const auto& element) {
    if (!is_told(element)) names.emplace_back(element.name());
  });
  std::ranges::sort(names);
  for (const auto& name : names)
    if (const auto value = read_element(keyspace, key, body.type, name))
      ops.push_back({key, write_of(body.type, name, *value)});
}

}  // namespace

std::vector<Op> Region::untold(const KeyName& key, Keyspace& keyspace) const {
  KeyEntry* const compact = state_->table.find(key);
  CHECK(compact != nullptr);
  std::vector<Op> ops;
  const ValueType shown = keyspace.type(key);
  if (shown == ValueType::kNone || shown == ValueType::kOther) return ops;
  KeyState& entry = compact->open();
  if (shown == ValueType::kString) {
    const Body* const body = entry.find(shown);
    const auto* const found = body == nullptr ? nullptr : body->elements.find("");
    if (found == nullptr || !is_told(*found))
      ops.push_back({key, WriteString{keyspace.string(key), keyspace.deadline(key)}});
  } else if (shown == ValueType::kList && entry.list != nullptr) {
    tell_list(key, *entry.list, keyspace, ops);
  } else {
    const SurplusQuery query{key, 0, state_->vector, true};
    Collector collector(query, keyspace);
    collector.add_plain(&entry);
    for (Surplus& plain : collector.take()) ops.push_back(std::move(plain.op));
    if (const Body* const body = entry.find(shown)) tell_sums(key, *body, keyspace, ops);
  }
  const auto deadline = keyspace.deadline(key);
  const bool is_removed = !ops.empty() && std::holds_alternative<RemoveKey>(ops.front().effect);
  if (shown != ValueType::kString && (entry.deadlines.empty() || is_removed) &&
      deadline != kNoDeadline)
    ops.push_back({key, SetDeadline{deadline}});
  compact->close();
  return ops;
}

}  // namespace sluice::crdt
