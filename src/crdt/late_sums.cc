#include "crdt/late_sums.h"

#include <utility>
#include <variant>

#include "crdt/element_ops.h"

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

}  // namespace sluice::crdt
