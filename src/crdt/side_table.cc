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

// Of a key of which all is stable, and would be gone.
bool SideTable::keep_untold(KeyEntry& entry, const Forgetting& by) {
  if (!by.keeps_untold || entry.is_short()) return false;
  bool keeps = false;
  change(entry, [&](KeyEntry& of) {
    KeyState& state = of.open();
    keeps = state.contenders() <= 1 && state.list != nullptr && state.list->has_untold() &&
            !state.list->prune(by.forgotten, true);
    if (!keeps) return;
    state.bodies.clear();
    state.deadlines.clear();
    state.weigh();
  });
  return keeps;
}

bool SideTable::prune(const Forgetting& by, std::uint64_t keys_max) {
  for (; keys_max > 0; --keys_max) {
    if (queued_.empty() || queued_.front().at > by.arrival) return false;
    KeyEntry& entry = *queue_.front();
    queue_.pop_front();
    if (--queued_.front().keys == 0) queued_.pop_front();
    if (entry.touched <= by.arrival) {
      const bool is_kept = keep_untold(entry, by);
      bytes_ -= entry.bytes();
      entry.is_queued = false;
      if (!is_kept) keys_.erase(entry);
      continue;
    }
    change(entry, [&](KeyEntry& of) {
      if (of.has_one()) return;
      if (prune(of.open(), by)) return of.clear();
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
  return !queued_.empty() && queued_.front().at <= by.arrival;
}

void SideTable::queue_those_set_aside() {
  const auto at = queued_.empty() ? 0 : queued_.back().at;
  for_each([&](KeyEntry& entry) {
    if (!entry.is_queued) touch(entry.key(), at);
  });
}

bool SideTable::prune(KeyState& state, const Forgetting& by) {
  if (state.contenders() > 1) return false;
  if (state.list != nullptr && state.list->prune(by.forgotten, by.keeps_untold)) state.list.reset();
  for (Body& body : state.bodies)
    body.elements.erase_if([&](ElementEntry& element) {
      return element.prune(by.forgotten, arithmetic_of(body.type));
    });
  state.drop_empty_bodies();
  return state.empty();
}

std::uint64_t SideTable::entries() const {
  std::uint64_t count = 0;
  for_each([&](const KeyEntry& entry) { count += entry.ops(); });
  return count;
}

}  // namespace sluice::crdt
