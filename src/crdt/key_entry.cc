#include "crdt/key_entry.h"

namespace sluice::crdt {

std::pair<bool, Stamp> Body::rank() const {
  std::pair<bool, Stamp> best;
  for (const auto& [name, element] : elements) {
    if (const auto created = element.greatest(true)) best = std::max(best, {true, *created});
    if (const auto any = element.greatest(false)) best = std::max(best, {false, *any});
  }
  return best;
}

Body* KeyEntry::find(ValueType type) {
  const auto found = std::ranges::find(bodies, type, &Body::type);
  return found == bodies.end() ? nullptr : &*found;
}

Body& KeyEntry::body(ValueType type) {
  if (Body* const found = find(type)) return *found;
  return bodies.emplace_back(Body{type});
}

void KeyEntry::drop_empty_bodies() {
  std::erase_if(bodies, [](const Body& body) { return body.empty(); });
}

std::optional<ValueType> KeyEntry::highest() const {
  std::optional<std::pair<std::pair<bool, Stamp>, ValueType>> best;
  for (const Body& body : bodies)
    best = std::max(best, std::optional(std::pair(body.rank(), body.type)));
  if (has_list()) best = std::max(best, std::optional(std::pair(*list->rank(), ValueType::kList)));
  return best ? std::optional(best->second) : std::nullopt;
}

void KeyEntry::kill_deadlines(const Context& context) {
  std::erase_if(deadlines, [&](const LiveDeadline& d) { return context.covers(d.stamp.dot); });
}

}  // namespace sluice::crdt
