// What is kept of one key while there are ops on it that not everybody has.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crdt/element_table.h"
#include "crdt/keyspace.h"
#include "crdt/one_write.h"
#include "crdt/op.h"
#include "crdt/piece_memory.h"
#include "crdt/sequence.h"

namespace sluice::crdt {

// A type's elements with live ops. Of a string: one, without a name; of a
// stream: by the 16 bytes of the id.
struct Body {
  ValueType type = ValueType::kNone;
  ElementTable elements = {};

  bool empty() const { return elements.empty(); }
  // Who wins among bodies of one key: one that a live op created, then the
  // greatest stamp.
  std::pair<bool, Stamp> rank() const;
};

struct LiveDeadline {
  Stamp stamp;
  Deadline deadline = kNoDeadline;
};

struct KeyState {
  // Bodies of several types can be live at once: the highest rank is native,
  // the others are kept in here with all their values. Such a key is forgotten
  // as a whole only.
  std::vector<Body> bodies = {};
  // Of a list, or of one that was there: elements that are not visible are
  // counted by others still.
  std::unique_ptr<Sequence> list = {};
  // Siblings: the latest counts. They are forgotten only with the whole entry,
  // since a concurrent op may revive a key that is gone.
  std::vector<LiveDeadline> deadlines = {};
  std::uint64_t hidden_bytes = 0;  // of the values of a list that is not shown; see weigh()

  bool empty() const { return bodies.empty() && deadlines.empty() && list == nullptr; }
  bool has_list() const { return list != nullptr && list->visible() > 0; }
  std::size_t contenders() const { return bodies.size() + (has_list() ? 1 : 0); }
  Body* find(ValueType type);
  Body& body(ValueType type);  // made if there is none
  void drop_empty_bodies();
  std::optional<ValueType> highest() const;  // of the contenders
  void kill_deadlines(const Context& context);
  void weigh();
  std::uint64_t list_bytes() const;
  // About what all this takes.
  std::uint64_t bytes() const {
    std::uint64_t sum = sizeof *this + deadlines.size() * sizeof(LiveDeadline) + hidden_bytes;
    for (const Body& body : bodies) sum += sizeof body + body.elements.bytes();
    return list == nullptr ? sum : sum + list_bytes();
  }
};

// One key of the side table, with its name behind it in one piece of memory. Most keys have one op, and it
// stands here in the short form: 56 bytes, and what has to be kept of names and values.
class KeyEntry {
 public:
  static KeyEntry* make(const KeyView& key, PieceMemory& memory);
  static void destroy(KeyEntry& entry, PieceMemory& memory);
  KeyEntry(const KeyEntry&) = delete;
  KeyEntry& operator=(const KeyEntry&) = delete;

  KeyView key() const;
  bool empty() const { return is_long_ ? long_->empty() : type_ == ValueType::kNone; }
  // The long form. close() goes back to the short one, if that can hold it.
  KeyState& open();
  bool is_short() const { return !is_long_; }
  void close();
  void clear();
  template <typename Use>
  void read(Use use) const {
    if (is_long_) return use(std::as_const(*long_));
    use(std::as_const(*opened()));
  }
  // Whether the op could be noted at little cost, as note_op() would have done it.
  bool note(const OneWrite& one, const Stamp& stamp) {
    if (one.kind == OneKind::kIncrement) return note_increment(one, stamp);
    if (one.kind == OneKind::kString) return note_string(one, stamp);
    return note_write(type_of(one.kind), one, stamp);
  }
  // Whether nothing is kept but a write of this very element.
  bool is_write_of(const OneWrite& one) const;
  // Whether beside elements of its type the write meets none that `context` does not cover, and nothing else.
  bool takes_element(const OneWrite& one, const Context& context) const;
  // Whether nothing is kept but increments of a string, and one with `stamp` would be kept beside them.
  bool takes_increment(const Stamp& stamp) const;
  bool has_one() const { return !is_long_ && more_increments().empty(); }
  Stamp newest_stamp() const;  // of the short form

  // About what it takes, with its share of the tables.
  std::uint64_t bytes() const {
    constexpr std::uint64_t kShareOfTables = 24;
    const std::uint64_t own = sizeof *this + name_bytes_ + kShareOfTables;
    if (is_long_) return own + long_->bytes();
    return text_ == nullptr ? own : own + text_bytes();
  }
  std::uint64_t ops() const;

  std::uint64_t touched = 0;  // when the last op came, in arrivals
  bool is_queued : 1 = false;

 private:
  explicit KeyEntry(const KeyView& key);
  ~KeyEntry();
  std::unique_ptr<KeyState> opened() const;
  bool note_write(ValueType type, const OneWrite& one, const Stamp& stamp);
  bool note_increment(const OneWrite& one, const Stamp& stamp);
  bool note_string(const OneWrite& one, const Stamp& stamp);
  bool note_long(ValueType type, const OneWrite& one, const Stamp& stamp);
  std::uint64_t text_bytes() const;
  Stamp stamp() const;  // of the short form's first op
  void set_stamp(const Stamp& stamp);
  void set_text(std::string_view name, std::optional<std::string_view> value);
  std::string_view name() const;
  std::optional<std::string> value() const;

  // More increments than the first, as they came: in the place of a value.
  struct Increment {
    Stamp stamp;
    std::int64_t by = 0;
  };
  static constexpr std::size_t kIncrementsMax = 256;
  static constexpr std::size_t kIncrementsClosed =
      8;  // more stay in the long form once they were there
  std::span<const Increment> more_increments() const;
  void add_increment(const Increment& increment);
  void close_increments();
  void close_increments(const Body& body, const Element& element);

  // A name and a value: their sizes and bytes; null: an empty name and no value.
  struct Text {
    std::uint32_t name_bytes = 0, value_bytes = 0;
  };

  bool is_long_ : 1 = false;
  // The short form: a write of one element, or integer increments of a string.
  ValueType type_ : 5 = ValueType::kNone;
  LiveKind kind_ : 3 = LiveKind::kWrite;
  BaseState base_ : 2 = BaseState::kNone;
  bool creates_ : 1 = false;
  bool has_deadline_ : 1 = false;
  bool has_value_ : 1 = false;
  RegionId region_ = 0;
  std::uint32_t incarnation_ = 0;
  Hlc hlc_;
  Seq seq_ = 0;
  std::uint64_t number_ = 0;  // an increment, the deadline, or a score's bits
  union {
    Text* text_ = nullptr;
    KeyState* long_;
  };
  std::uint32_t db_ = 0;
  std::uint32_t name_bytes_ = 0;  // of the key
};
static_assert(sizeof(KeyEntry) == 56);

// What a write has to keep of its value while the native one is just that: a
// number, because an increment on top hides it; and what cannot be read back.
bool is_kept(ValueType type, std::string_view value);

inline Arithmetic arithmetic_of(ValueType type) {
  return type == ValueType::kZset ? Arithmetic::kScore : Arithmetic::kText;
}

}  // namespace sluice::crdt
