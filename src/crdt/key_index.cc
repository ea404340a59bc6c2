#include "crdt/key_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "crdt/name_hash.h"

namespace sluice::crdt {
namespace {

constexpr unsigned kAddressBits = 48;
constexpr std::uint64_t kAddress = (std::uint64_t{1} << kAddressBits) - 1;

std::uint64_t hash_of(const KeyView& key) {
  return name_hash(key.name, key.db);
}

// The parts are told apart by the upper bits, places in a part by the lower ones.
std::size_t part_of(std::uint64_t hash) {
  return hash >> 56U;
}
std::uint64_t tag_of(std::uint64_t hash) {
  return hash << kAddressBits;
}

}  // namespace

KeyIndex::~KeyIndex() {
  for_each([&](KeyEntry& entry) { KeyEntry::destroy(entry, memory_); });
}

KeyIndex::KeyIndex(KeyIndex&& other) noexcept
    : memory_(std::move(other.memory_)),
      parts_(std::exchange(other.parts_, {})),
      size_(std::exchange(other.size_, 0)) {}

KeyIndex& KeyIndex::operator=(KeyIndex&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(parts_, other.parts_);
  std::swap(size_, other.size_);
  return *this;
}

KeyEntry* KeyIndex::entry_of(Slot slot) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast,performance-no-int-to-ptr)
  return reinterpret_cast<KeyEntry*>(slot & kAddress);
}

std::size_t KeyIndex::home(const Part& part, Slot slot) {
  constexpr std::size_t kTags = std::size_t{1} << 16U;
  const auto mask = part.slots.size() - 1;
  if (part.slots.size() <= kTags) return slot >> kAddressBits & mask;
  return hash_of(entry_of(slot)->key()) & mask;
}

KeyEntry* KeyIndex::find(const Part& part, const KeyView& key, std::uint64_t hash) {
  if (part.slots.empty()) return nullptr;
  const Slot* const slots = part.slots.data();
  const auto mask = part.slots.size() - 1;
  for (auto at = hash & mask; slots[at] != 0; at = (at + 1) & mask)
    if ((slots[at] & ~kAddress) == tag_of(hash) && entry_of(slots[at])->key() == key)
      return entry_of(slots[at]);
  return nullptr;
}

KeyEntry* KeyIndex::find(const KeyView& key) const {
  const auto hash = hash_of(key);
  return find(parts_[part_of(hash)], key, hash);
}

KeyEntry& KeyIndex::operator[](const KeyView& key) {
  const auto hash = hash_of(key);
  Part& part = parts_[part_of(hash)];
  if (part.slots.empty()) part.slots.resize(kSlotsMin);
  const auto tag = tag_of(hash);
  const auto mask = part.slots.size() - 1;
  auto at = hash & mask;
  for (; part.slots[at] != 0; at = (at + 1) & mask) {
    const Slot slot = part.slots[at];
    if ((slot & ~kAddress) == tag && entry_of(slot)->key() == key) return *entry_of(slot);
  }
  KeyEntry* const entry = KeyEntry::make(key, memory_);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const auto address = reinterpret_cast<std::uintptr_t>(entry);
  CHECK((address & ~kAddress) == 0);
  if ((part.used + 1) * 5 <= part.slots.size() * 4) {
    part.slots[at] = tag | address;
  } else {
    resize(part, part.slots.size() * 2);
    put(part, tag | address);
  }
  ++part.used;
  ++size_;
  return *entry;
}

void KeyIndex::put(Part& part, Slot slot) {
  const auto mask = part.slots.size() - 1;
  auto at = home(part, slot);
  while (part.slots[at] != 0) at = (at + 1) & mask;
  part.slots[at] = slot;
}

void KeyIndex::resize(Part& part, std::size_t slots) {
  const auto before = std::exchange(part.slots, std::vector<Slot>(slots));
  for (const Slot slot : before)
    if (slot != 0) put(part, slot);
}

void KeyIndex::erase(const KeyEntry& entry) {
  const auto hash = hash_of(entry.key());
  Part& part = parts_[part_of(hash)];
  const auto mask = part.slots.size() - 1;
  auto at = hash & mask;
  while (part.slots[at] == 0 || entry_of(part.slots[at]) != &entry) at = (at + 1) & mask;
  KeyEntry::destroy(*entry_of(part.slots[at]), memory_);
  // Whoever stands behind the gap and may stand in it moves up.
  for (auto next = (at + 1) & mask; part.slots[next] != 0; next = (next + 1) & mask) {
    const auto from_home = (next - home(part, part.slots[next])) & mask;
    if (from_home < ((next - at) & mask)) continue;
    part.slots[at] = part.slots[next];
    at = next;
  }
  part.slots[at] = 0;
  --part.used;
  --size_;
  if (part.used * 8 < part.slots.size() && part.slots.size() > kSlotsMin)
    resize(part, part.slots.size() / 2);
}

}  // namespace sluice::crdt
