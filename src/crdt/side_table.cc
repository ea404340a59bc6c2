#include "crdt/side_table.h"

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
  }
  return entry;
}

void SideTable::erase_if_empty(const KeyName& key) {
  const auto found = keys_.find(key);
  if (found == keys_.end() || !found->second.empty() || found->second.is_queued) return;
  keys_.erase(found);
}

bool SideTable::prune(const VersionVector& forgotten, std::uint64_t arrival,
                      std::uint64_t keys_max) {
  for (; keys_max > 0; --keys_max) {
    if (queue_.empty() || queue_.front().at > arrival) return false;
    const KeyName* const key = queue_.front().key;
    queue_.pop_front();
    const auto found = keys_.find(*key);
    KeyEntry& entry = found->second;
    if (prune(entry, forgotten, arrival)) {
      keys_.erase(found);
    } else {
      queue_.push_back({entry.touched, key});
    }
  }
  return !queue_.empty() && queue_.front().at <= arrival;
}

bool SideTable::prune(KeyEntry& entry, const VersionVector& forgotten, std::uint64_t arrival) {
  if (entry.touched <= arrival || entry.empty()) return true;
  if (entry.contenders() > 1) return false;
  if (entry.list != nullptr && entry.list->prune(forgotten)) entry.list.reset();
  for (Body& body : entry.bodies)
    body.erase_if([&](const std::string&, Element& element) {
      return element.prune(forgotten, arithmetic_of(body.type));
    });
  entry.drop_empty_bodies();
  return entry.empty();
}

std::uint64_t SideTable::entries() const {
  std::uint64_t count = 0;
  for (const auto& [key, entry] : keys_) {
    for (const Body& body : entry.bodies)
      for (const auto& [name, element] : body.elements) count += element.live.size();
    if (entry.list != nullptr) count += entry.list->pieces().size();
  }
  return count;
}

// TODO(#4): an estimate until entries count themselves
std::uint64_t SideTable::bytes() const {
  return keys_.size() * 150;
}

}  // namespace sluice::crdt
