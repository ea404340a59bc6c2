// The elements of one key that have live ops, by name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crdt/element.h"

namespace sluice::crdt {

// One element, with its name behind it in one piece of memory. Most have one live op, a write or an integer
// increment, and it stands here in the short form: 40 bytes, and what has to be kept of a value of more than 8.
class ElementEntry {
 public:
  static ElementEntry* make(std::string_view name);
  static void destroy(ElementEntry* entry);
  ElementEntry(const ElementEntry&) = delete;
  ElementEntry& operator=(const ElementEntry&) = delete;

  std::string_view name() const;
  bool empty() const { return is_long_ ? long_->empty() : !has_op_; }
  bool is_short() const { return !is_long_; }
  // The long form. close() goes back to the short one, if that can hold it.
  Element& open();
  void close();
  template <typename Use>
  void read(Use use) const {
    if (is_long_) return use(std::as_const(*long_));
    use(opened());
  }

  BaseState base() const { return is_long_ ? long_->base : base_; }
  std::size_t ops() const { return is_long_ ? long_->live.size() : std::size_t{has_op_}; }
  bool covered_by(const Context& context) const;
  std::optional<Stamp> greatest(bool creating) const;  // as Element's
  std::optional<Live> winner() const;
  // Of the short form.
  Live live() const;
  std::int64_t increment() const { return by_; }

  // In place of all that is here: a write that has observed it.
  void write(const Stamp& stamp, bool creates, std::optional<std::string_view> value);
  // As Element's; true if nothing is left.
  bool kill(const Context& context);
  bool prune(const VersionVector& forgotten, Arithmetic arithmetic);
  template <typename IsGone>
  bool take_back(IsGone is_gone) {
    if (is_long_) {
      long_->live.erase_if([&](const Live& op) { return is_gone(op.stamp); });
      close();
    } else if (has_op_ && is_gone(stamp())) {
      clear();
    }
    return empty();
  }

  std::uint64_t bytes() const {
    const std::uint64_t own = sizeof *this + name_bytes_;
    if (is_long_) return own + long_bytes();
    return value_bytes_ != kNoValue && value_bytes_ > kInPlaceMax ? own + value_bytes_ : own;
  }

 private:
  explicit ElementEntry(std::string_view name);
  ~ElementEntry();
  Element opened() const;
  Stamp stamp() const;
  std::uint64_t long_bytes() const;
  void clear();
  void set_value(std::optional<std::string_view> value);
  std::optional<std::string_view> value() const;

  static constexpr std::uint32_t kNoValue = UINT32_MAX, kInPlaceMax = 8;

  Hlc hlc_;
  Seq seq_ = 0;
  union {
    std::int64_t by_ = 0;
    char in_place_[kInPlaceMax];  // a value of so many bytes
    char* value_;
    Element* long_;
  };
  std::uint32_t incarnation_ = 0;
  std::uint32_t name_bytes_ = 0;
  std::uint32_t value_bytes_ = kNoValue;
  RegionId region_ = 0;
  bool is_long_ : 1 = false;
  bool has_op_ : 1 = false;
  bool is_increment_ : 1 = false;
  bool creates_ : 1 = false;
  BaseState base_ : 2 = BaseState::kStable;
};
static_assert(sizeof(ElementEntry) == 40);

// Owns the entries. Open addressing with linear probing, as KeyIndex's parts.
class ElementTable {
 public:
  ElementTable() = default;
  ~ElementTable() { clear(); }
  ElementTable(ElementTable&& other) noexcept;
  ElementTable& operator=(ElementTable&& other) noexcept;
  ElementTable(const ElementTable&) = delete;
  ElementTable& operator=(const ElementTable&) = delete;

  bool empty() const { return used_ == 0; }
  std::size_t size() const { return used_; }
  const ElementEntry* find(std::string_view name) const;
  const ElementEntry& first() const;  // of those that there are
  // As ElementEntry's; made if there is none.
  void write(std::string_view name, const Stamp& stamp, bool creates,
             std::optional<std::string_view> value);
  void erase(std::string_view name);
  void clear();
  // `use` changes the element, which is made if there is none, and goes if nothing of it is live afterwards.
  template <typename Use>
  void change(std::string_view name, Use use) {
    ElementEntry& entry = make(name);
    const auto before = entry.bytes();
    use(entry.open());
    close(entry, before);
  }
  template <typename Use>
  void change_each(Use use) {
    erase_if([&](ElementEntry& entry) {
      use(std::string(entry.name()), entry.open());
      entry.close();
      return entry.empty();
    });
  }
  // `is_gone(entry)` may change the entry, and looks at no other.
  template <typename IsGone>
  void erase_if(IsGone is_gone) {
    entry_bytes_ = 0;
    std::size_t gone = 0;
    for (Slot& slot : slots_) {
      if (slot == 0) continue;
      if (is_gone(*entry_of(slot))) {
        ElementEntry::destroy(entry_of(std::exchange(slot, 0)));
        ++gone;
      } else {
        entry_bytes_ += entry_of(slot)->bytes();
      }
    }
    if (gone > 0) close_gaps(used_ - gone);
  }
  // `each` must not add or erase.
  template <typename Each>
  void for_each(Each each) const {
    for (const Slot slot : slots_)
      if (slot != 0) each(std::as_const(*entry_of(slot)));
  }

  // About what all this takes.
  std::uint64_t bytes() const { return entry_bytes_ + slots_.size() * sizeof(Slot); }

 private:
  using Slot = std::uint64_t;  // 16 bits of the hash, 48 of the address; 0 is free
  static ElementEntry* entry_of(Slot slot);
  std::size_t home(Slot slot) const;
  // Where it is, or the free place for it.
  std::size_t place_of(std::string_view name, std::uint64_t hash) const;
  ElementEntry& make(std::string_view name);
  void close(ElementEntry& entry, std::uint64_t bytes_before);
  void put(Slot slot);
  void resize(std::size_t slots);
  void close_gaps(std::size_t left);

  std::vector<Slot> slots_;  // a power of two, or none
  std::size_t used_ = 0;
  std::uint64_t entry_bytes_ = 0;
};

}  // namespace sluice::crdt
