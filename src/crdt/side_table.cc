#include "crdt/side_table.h"

namespace sluice::crdt {

KeyEntry& SideTable::touch(const KeyView& key, std::uint64_t arrival) {
  KeyEntry& entry = keys_[key];
  entry.touched = arrival;
  if (!entry.is_queued) {
    bytes_ += entry.bytes();
    entry.is_queued = true;
    enqueue(entry, arrival);
  }
  return entry;
}

bool SideTable::note(const OneWrite& one, const Stamp& stamp, std::uint64_t arrival) {
  if (changing_ != nullptr) return false;
  KeyEntry& entry = keys_[one.key];
  entry.touched = arrival;
  const std::uint64_t before = entry.is_queued ? entry.bytes() : 0;
  if (!entry.is_queued) {
    entry.is_queued = true;
    enqueue(entry, arrival);
  }
  const bool is_noted = entry.note(one, stamp);
  bytes_ = bytes_ + entry.bytes() - before;
  return is_noted;
}

void SideTable::enqueue(KeyEntry& entry, std::uint64_t at) {
  if (queued_.empty() || queued_.back().at != at) queued_.push_back({at, 0});
  ++queued_.back().keys;
  queue_.push_back(&entry);
}

bool SideTable::prune(const VersionVector& forgotten, std::uint64_t arrival,
                      std::uint64_t keys_max) {
  for (; keys_max > 0; --keys_max) {
    if (queued_.empty() || queued_.front().at > arrival) return false;
    KeyEntry& entry = *queue_.front();
    queue_.pop_front();
    if (--queued_.front().keys == 0) queued_.pop_front();
    if (entry.touched <= arrival) {
      bytes_ -= entry.bytes();
      keys_.erase(entry);
      continue;
    }
    change(entry, [&](KeyEntry& of) {
      if (of.has_one()) return;
      if (prune(of.open(), forgotten)) return of.clear();
      of.open().weigh();
      of.close();
    });
    if (entry.empty()) {
      bytes_ -= entry.bytes();
      keys_.erase(entry);
    } else {
      enqueue(entry, entry.touched);
    }
  }
  return !queued_.empty() && queued_.front().at <= arrival;
}

bool SideTable::prune(KeyState& state, const VersionVector& forgotten) {
  if (state.contenders() > 1) return false;
  if (state.list != nullptr && state.list->prune(forgotten)) state.list.reset();
  for (Body& body : state.bodies)
    body.elements.erase_if(
        [&](ElementEntry& element) { return element.prune(forgotten, arithmetic_of(body.type)); });
  state.drop_empty_bodies();
  return state.empty();
}

std::uint64_t SideTable::entries() const {
  std::uint64_t count = 0;
  for_each([&](const KeyEntry& entry) { count += entry.ops(); });
  return count;
}

}  // namespace sluice::crdt
