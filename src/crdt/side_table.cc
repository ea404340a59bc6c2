#include "crdt/side_table.h"

#include <algorithm>

namespace sluice::crdt {

KeyEntry* SideTable::find(const KeyName& key) {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &found->second;
}

KeyEntry& SideTable::touch(const KeyName& key, std::uint64_t arrival) {
  const auto place = keys_.try_emplace(key).first;
  KeyEntry& entry = place->second;
  entry.touched = arrival;
  if (!entry.is_queued) {
    entry.is_queued = true;
    queue_.push_back({arrival, &place->first});
    weigh(entry, kKeyBytes);
  }
  return entry;
}

void SideTable::grow(KeyEntry& entry, std::uint64_t bytes) {
  weigh(entry, entry.bytes + bytes);
}

void SideTable::weigh(KeyEntry& entry, std::uint64_t bytes) {
  bytes_ -= entry.bytes;
  entry.bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, UINT32_MAX));
  bytes_ += entry.bytes;
}

bool SideTable::prune(const VersionVector& forgotten, std::uint64_t arrival,
                      std::uint64_t keys_max) {
  for (; keys_max > 0; --keys_max) {
    if (queue_.empty() || queue_.front().at > arrival) return false;
    const KeyName* const key = queue_.front().key;
    queue_.pop_front();
    const auto found = keys_.find(*key);
    KeyEntry& entry = found->second;
    if (entry.touched <= arrival || entry.empty() || prune(entry.open(), forgotten)) {
      bytes_ -= entry.bytes;
      keys_.erase(found);
    } else {
      entry.close();
      weigh(entry, entry.weigh());
      queue_.push_back({entry.touched, key});
    }
  }
  return !queue_.empty() && queue_.front().at <= arrival;
}

bool SideTable::prune(KeyState& state, const VersionVector& forgotten) {
  if (state.contenders() > 1) return false;
  if (state.list != nullptr && state.list->prune(forgotten)) state.list.reset();
  for (Body& body : state.bodies)
    body.erase_if([&](const std::string&, Element& element) {
      return element.prune(forgotten, arithmetic_of(body.type));
    });
  state.drop_empty_bodies();
  return state.empty();
}

std::uint64_t SideTable::entries() const {
  std::uint64_t count = 0;
  for (const auto& [key, entry] : keys_)
    entry.read([&](const KeyState& state) {
      for (const Body& body : state.bodies)
        for (const auto& [name, element] : body.elements) count += element.live.size();
      if (state.list != nullptr) count += state.list->pieces().size();
    });
  return count;
}

}  // namespace sluice::crdt
