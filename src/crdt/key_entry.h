// What is kept of one key while there are ops on it that not everybody has.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "crdt/element.h"
#include "crdt/keyspace.h"
#include "crdt/op.h"
#include "crdt/sequence.h"

namespace sluice::crdt {

// A type's elements with live ops. Of a string: one, without a name; of a
// stream: by the 16 bytes of the id.
struct Body {
  ValueType type = ValueType::kNone;
  std::unordered_map<std::string, Element> elements = {};

  bool empty() const { return elements.empty(); }
  // `is_gone(name, element)` may change the element.
  template <typename Predicate>
  void erase_if(Predicate is_gone) {
    for (auto next = elements.begin(); next != elements.end();)
      next = is_gone(next->first, next->second) ? elements.erase(next) : std::next(next);
  }
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

  bool empty() const { return bodies.empty() && deadlines.empty() && list == nullptr; }
  bool has_list() const { return list != nullptr && list->visible() > 0; }
  std::size_t contenders() const { return bodies.size() + (has_list() ? 1 : 0); }
  Body* find(ValueType type);
  Body& body(ValueType type);  // made if there is none
  void drop_empty_bodies();
  std::optional<ValueType> highest() const;  // of the contenders
  void kill_deadlines(const Context& context);
};

inline constexpr std::uint32_t kKeyBytes =
    150;  // of a key with one op, with its share of the tables
inline constexpr std::uint32_t kElementBytes = 250;  // of each op more

// Most keys have one op: it is kept without all that.
class KeyEntry {
 public:
  bool empty() const { return full_ == nullptr ? one_.type == ValueType::kNone : full_->empty(); }
  // The whole form. close() goes back to the short one, if that can hold it.
  KeyState& open();
  bool is_short() const { return full_ == nullptr; }
  std::uint64_t weigh() const;  // what `bytes` should be
  void close();
  template <typename Use>
  void read(Use use) const {
    if (full_ != nullptr) return use(std::as_const(*full_));
    use(std::as_const(*opened()));
  }
  // Whether the op could be noted in the short form, as note_op() would have
  // done it.
  bool note(const Op& op, const Stamp& stamp);

  std::uint64_t touched = 0;  // when the last op came, in arrivals
  std::uint32_t bytes = 0;    // about what it takes
  bool is_queued = false;

 private:
  // A write or integer increment of one element.
  struct One {
    Stamp stamp;
    std::unique_ptr<const std::string> name = {};   // null: ""
    std::unique_ptr<const std::string> value = {};  // as Live's
    std::uint64_t number = 0;                       // an increment, or the deadline
    ValueType type = ValueType::kNone;
    LiveKind kind = LiveKind::kWrite;
    BaseState base = BaseState::kNone;
    bool creates = false;
    bool has_deadline = false;
  };
  std::unique_ptr<KeyState> opened() const;
  bool note_write(ValueType type, const std::string& name, const std::string* value,
                  const Stamp& stamp, bool creates);

  One one_;
  std::unique_ptr<KeyState> full_;
};

// What a write has to keep of its value while the native one is just that: a
// number, because an increment on top hides it; and what cannot be read back.
bool is_kept(ValueType type, const std::string& value);

inline Arithmetic arithmetic_of(ValueType type) {
  return type == ValueType::kZset ? Arithmetic::kScore : Arithmetic::kText;
}

}  // namespace sluice::crdt
