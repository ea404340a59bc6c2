#include "crdt/late_sums.h"

#include <utility>
#include <variant>

#include "crdt/element_ops.h"
#include "crdt/native.h"

namespace sluice::crdt {
namespace {

bool is_increment(const Effect& effect) {
  return std::holds_alternative<Increment>(effect) ||
         std::holds_alternative<IncrementFloat>(effect) ||
         std::holds_alternative<IncrementField>(effect) ||
         std::holds_alternative<IncrementFieldFloat>(effect) ||
         std::holds_alternative<IncrementScore>(effect);
}

}  // namespace

bool LateSums::has(const KeyName& key, ValueType type, std::string_view name) const {
  const auto found = keys_.find(key);
  return found != keys_.end() && found->second.type == type && found->second.names.contains(name);
}

bool LateSums::is_before(const Op& op) const {
  if (empty()) return false;
  const auto found = keys_.find(op.key);
  return found != keys_.end() &&
         (op.creates || !is_increment(op.effect) || type_of(op.effect) != found->second.type);
}

void LateSums::add(const KeyName& key, ValueType type, const std::string& name) {
  OfKey& of = keys_[key];
  of.type = type;
  if (of.names.insert(name).second) ++count_;
}

LateSums::OfKey LateSums::take(const KeyName& key) {
  auto node = keys_.extract(key);
  if (node.empty()) return {};
  count_ -= node.mapped().names.size();
  return std::move(node.mapped());
}

std::map<KeyName, LateSums::OfKey> LateSums::take_all() {
  count_ = 0;
  return std::exchange(keys_, {});
}

void show_sums(const KeyName& key, const LateSums::OfKey& sums, KeyState& entry,
               Keyspace& keyspace) {
  const Body* const body = entry.find(sums.type);
  if (body == nullptr || keyspace.type(key) != sums.type) return;
  const auto deadline = keyspace.deadline(key);  // writing a string clears it
  for (const std::string& name : sums.names) {
    const ElementEntry* const element = body->elements.find(name);
    if (element == nullptr) continue;
    element->read([&](const Element& of) {
      const auto sum = of.projection(arithmetic_of(sums.type));
      if (sum && sum != read_element(keyspace, key, sums.type, name))
        write_element(keyspace, key, sums.type, name, *sum);
    });
  }
  if (keyspace.deadline(key) != deadline) keyspace.set_deadline(key, deadline);
}

}  // namespace sluice::crdt
