// What is kept of one key while there are ops on it that not everybody has.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "crdt/element.h"
#include "crdt/keyspace.h"
#include "crdt/sequence.h"

namespace sluice::crdt {

// A type's elements with live ops. Of a string: one, without a name; of a stream: by the 16 bytes of the id.
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
  // Who wins among bodies of one key: one that a live op created, then the greatest stamp.
  std::pair<bool, Stamp> rank() const;
};

struct LiveDeadline {
  Stamp stamp;
  Deadline deadline = kNoDeadline;
};

struct KeyEntry {
  // Bodies of several types can be live at once: the highest rank is native, the others are kept in here with
  // all their values. Such a key is forgotten as a whole only.
  std::vector<Body> bodies = {};
  // Of a list, or of one that was there: elements that are not visible are counted by others still.
  std::unique_ptr<Sequence> list = {};
  // Siblings: the latest counts. They are forgotten only with the whole entry, since a concurrent op may
  // revive a key that is gone.
  std::vector<LiveDeadline> deadlines = {};
  std::uint64_t touched = 0;  // when the last op came, in arrivals
  bool is_queued = false;

  bool empty() const { return bodies.empty() && deadlines.empty() && list == nullptr; }
  bool has_list() const { return list != nullptr && list->visible() > 0; }
  std::size_t contenders() const { return bodies.size() + (has_list() ? 1 : 0); }
  Body* find(ValueType type);
  Body& body(ValueType type);  // made if there is none
  void drop_empty_bodies();
  std::optional<ValueType> highest() const;  // of the contenders
  void kill_deadlines(const Context& context);
};

inline Arithmetic arithmetic_of(ValueType type) {
  return type == ValueType::kZset ? Arithmetic::kScore : Arithmetic::kText;
}

}  // namespace sluice::crdt
