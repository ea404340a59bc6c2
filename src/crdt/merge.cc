#include "crdt/merge.h"

#include <utility>

#include "crdt/element_ops.h"
#include "crdt/native.h"
#include "crdt/number.h"

namespace sluice::crdt {
namespace {

std::optional<std::string> kept(ValueType type, std::optional<std::string> value) {
  if (!is_kept(type, *value)) value.reset();
  return value;
}

std::optional<Deadline> deadline_of(const Effect& effect) {
  if (const auto* const set = std::get_if<SetDeadline>(&effect)) return set->deadline;
  if (const auto* const write = std::get_if<WriteString>(&effect)) return write->deadline;
  return std::nullopt;
}

bool replaces_key(const Effect& effect) {
  return std::holds_alternative<RemoveKey>(effect) || std::holds_alternative<WriteString>(effect);
}

bool is_emptied(const Op& op) {
  return op.creates && std::holds_alternative<RemoveKey>(op.effect);
}

void note_list(const Op& op, const Stamp& stamp, KeyState& entry) {
  const Context all = Context::everything();
  if (const auto* const insert = std::get_if<InsertElements>(&op.effect)) {
    if (entry.list == nullptr) entry.list = std::make_unique<Sequence>(insert->length);
    Piece piece{.stamp = stamp, .count = insert->values.size(), .creates = op.creates};
    entry.list->insert({all, insert->length}, insert->at, std::move(piece));
  } else if (const auto* const remove = std::get_if<RemoveElements>(&op.effect)) {
    if (entry.list == nullptr) entry.list = std::make_unique<Sequence>(remove->length);
    entry.list->remove({all, remove->length}, remove->at, remove->count, stamp.dot);
  }
}

bool ends_deadlines(const Op& op) {
  return op.creates || replaces_key(op.effect) || deadline_of(op.effect).has_value();
}

// The element may be new again after a remove that others have not seen: then their increments, whose results
// still count what was removed, must find no base here.
bool began_at_nothing(const Element& element, const Live& op, Arithmetic arithmetic) {
  return op.kind == LiveKind::kIncrementFloat && element.empty() &&
         element.base == BaseState::kStable && op.result == stepped(std::nullopt, op, arithmetic);
}

}  // namespace

void note_op(const Op& op, const Stamp& stamp, KeyState& entry) {
  const auto type = type_of(op.effect);
  if (entry.list != nullptr &&
      (replaces_key(op.effect) || (type != ValueType::kNone && type != ValueType::kList)))
    entry.list->remove_all({Context::everything()}, stamp.dot);
  if (ends_deadlines(op)) entry.deadlines.clear();
  if (const auto deadline = deadline_of(op.effect)) entry.deadlines.push_back({stamp, *deadline});
  if (replaces_key(op.effect)) entry.bodies.clear();
  if (type == ValueType::kNone) return;
  std::erase_if(entry.bodies, [&](const Body& body) { return body.type != type; });
  if (type == ValueType::kList) return note_list(op, stamp, entry);
  Body& body = entry.body(type);
  for (ElementOp& one : element_ops(op.effect)) {
    if (!one.is_live) {
      body.elements.erase(one.name);
    } else if (one.kills) {
      body.elements.write(one.name, stamp, op.creates, kept(type, std::move(one.op.value)));
    } else {
      one.op.stamp = stamp;
      one.op.creates = op.creates;
      body.elements.change(one.name, [&](Element& element) {
        if (began_at_nothing(element, one.op, arithmetic_of(type))) element.base = BaseState::kNone;
        element.add(std::move(one.op));
      });
    }
  }
  entry.drop_empty_bodies();
}

namespace {

class Merge {
 public:
  Merge(const Arrival& arrival, KeyState& entry, Keyspace& keyspace, ConflictLog& conflicts)
      : op_(arrival.op),
        stamp_(arrival.stamp),
        context_(arrival.context),
        here_(arrival.here),
        untold_(arrival.untold),
        is_adopting_(arrival.is_adopting),
        late_sums_(arrival.late_sums),
        entry_(entry),
        keyspace_(keyspace),
        conflicts_(conflicts),
        key_(op_.key),
        // Libraries are no keys, and never in the way of one.
        shown_(is_library() ? ValueType::kOther : keyspace.type(key_)),
        deadline_(shown_ == ValueType::kNone || is_library() ? kNoDeadline
                                                             : keyspace.deadline(key_)) {}

  bool run() {
    const auto type = type_of(op_.effect);
    if (type != ValueType::kNone || replaces_key(op_.effect)) kill_bodies(type);
    if (shown_ == ValueType::kNone) settle_type();  // what was in the way of another is gone
    for (auto& op : element_ops(op_.effect)) apply(type, op);
    if (type == ValueType::kList) apply_list();
    entry_.drop_empty_bodies();
    if (!is_library()) {
      settle_type();
      settle_deadline();
    }
    return is_concurrent_;
  }

  void restamp() {
    const auto type = type_of(op_.effect);
    Body* const body = entry_.find(type);
    for (LiveDeadline& deadline : entry_.deadlines)
      if (deadline.stamp.dot == stamp_.dot) deadline.stamp = stamp_;
    if (body == nullptr) return;
    for (const auto& op : element_ops(op_.effect)) {
      if (body->elements.find(op.name) == nullptr) continue;
      body->elements.change(op.name, [&](Element& element) { restamp(*body, op.name, element); });
    }
    if (is_library()) return;
    settle_type();
    show_deadline(deadline_);
  }

 private:
  bool is_library() const { return std::holds_alternative<WriteLibrary>(op_.effect); }

  void restamp(const Body& body, const std::string& name, Element& element) {
    const auto live =
        std::ranges::find(element.live, stamp_.dot, [](const Live& one) { return one.stamp.dot; });
    if (live == element.live.end() || live->stamp == stamp_) return;
    const bool is_native = shown_ == body.type || is_library();
    if (is_native)
      element.capture(read_element(keyspace_, key_, body.type, name), arithmetic_of(body.type));
    element.live.restamp(*live, stamp_);
    if (is_native) project(body, name);
  }

  // Whatever its maker saw of other types is gone: he replaced it, or saw it
  // lose. So is all that he saw where he replaced the key.
  void kill_bodies(ValueType type) {
    const bool all = replaces_key(op_.effect);
    if (entry_.list != nullptr || shown_ == ValueType::kList)
      if (all || type != ValueType::kList) kill_list();
    if (shown_ != ValueType::kNone && shown_ != ValueType::kList && (all || shown_ != type))
      kill_shown();
    for (Body& body : entry_.bodies) {
      if (body.type == shown_ || (!all && body.type == type)) continue;
      body.elements.erase_if([&](ElementEntry& element) { return element.kill(context_); });
      if (!body.empty()) is_concurrent_ = true;
    }
    entry_.drop_empty_bodies();
  }

  // The list of those elements that are here; made where there is none yet.
  Sequence& sequence() {
    if (entry_.list == nullptr)
      entry_.list =
          std::make_unique<Sequence>(shown_ == ValueType::kList ? keyspace_.list_length(key_) : 0);
    return *entry_.list;
  }

  void kill_list() {
    const auto gone = sequence().remove_all({context_, 0, untold_}, stamp_.dot);
    if (shown_ == ValueType::kList)
      for (const auto& range : gone) keyspace_.remove_elements(key_, range.at, range.count);
    if (entry_.has_list()) {
      has_spared_ = untold_ == Untold::kUnseen && entry_.list->has_untold();
      is_concurrent_ = true;
      conflicts_.survived_remove(key_, "");
    } else if (shown_ == ValueType::kList) {
      shown_ = ValueType::kNone;
    }
  }

  void apply_list() {
    const bool is_native = shown_ == ValueType::kList || entry_.contenders() == 0;
    Sequence& list = sequence();
    if (list.is_concurrent_to(context_)) is_concurrent_ = true;
    if (const auto* const insert = std::get_if<InsertElements>(&op_.effect)) {
      const Sequence::View view{context_, insert->length, untold_};
      list.complete(view, unseen());
      Piece piece{.stamp = stamp_, .count = insert->values.size(), .creates = op_.creates};
      if (!is_native) piece.values = insert->values;
      const auto at = list.insert(view, insert->at, std::move(piece));
      if (is_native) keyspace_.insert_elements(key_, at, insert->values);
    } else if (const auto* const remove = std::get_if<RemoveElements>(&op_.effect)) {
      const Sequence::View view{context_, remove->length, untold_};
      list.complete(view, unseen());
      for (const auto& range : list.remove(view, remove->at, remove->count, stamp_.dot))
        if (is_native) keyspace_.remove_elements(key_, range.at, range.count);
    }
    if (is_native) shown_ = keyspace_.type(key_);
  }

  // The newest op of each actor that this one's maker had not seen.
  std::vector<Dot> unseen() const {
    std::vector<Dot> dots;
    for (const Dot& dot : here_.entries())
      if (!context_.covers(dot)) dots.push_back(dot);
    return dots;
  }

  void kill_shown() {
    Body* const body = entry_.find(shown_);
    std::vector<std::string> changed;
    if (body != nullptr) {
      body->elements.erase_if([&](ElementEntry& entry) {
        if (entry.covered_by(context_)) return true;
        const std::string name(entry.name());
        Element& element = entry.open();
        element.capture(read_element(keyspace_, key_, shown_, name), arithmetic_of(shown_));
        if (element.kill(context_)) changed.push_back(name);
        entry.close();
        // Of a string written over another it is told when that is applied.
        if (type_of(op_.effect) != shown_) conflicts_.survived_remove(key_, name);
        return false;
      });
    }
    // What has no metadata its maker had removed before. What is left is from before the module, and was told to nobody.
    const bool spares = is_emptied(op_);
    if (body == nullptr || body->empty()) {
      if (!spares) keyspace_.remove(key_);
      shown_ = spares ? keyspace_.type(key_) : ValueType::kNone;
      has_spared_ = spares;
      return;
    }
    is_concurrent_ = true;
    for (const auto& name : changed) project(*body, name);
    const auto others = all_but(*body);
    has_spared_ = spares && !others.empty();
    if (spares) return;
    for (const auto& name : others) remove_element(keyspace_, key_, body->type, name);
  }

  std::vector<std::string> all_but(const Body& body) const {
    std::vector<std::string> others;
    if (body.type == ValueType::kString) return others;
    keyspace_.for_each_element(key_, [&](std::string_view name, std::string_view) {
      if (body.elements.find(name) == nullptr) others.emplace_back(name);
    });
    return others;
  }

  void apply(ValueType type, ElementOp& op) {
    op.op.stamp = stamp_;
    op.op.creates = op_.creates;
    Body* body = entry_.find(type);
    const bool is_native = shown_ == type || (shown_ == ValueType::kNone && others(type) == 0);
    const std::string name(op.name);
    const auto* const found = body == nullptr ? nullptr : body->elements.find(name);
    const bool waits = late_sums_ != nullptr && late_sums_->has(key_, type, name);
    if (is_native && !waits && (found == nullptr || found->covered_by(context_))) {
      apply_observing(type, name, op);
    } else {
      is_concurrent_ = true;
      apply_concurrent(type, name, op, is_native);
    }
    if (is_native && !is_library()) shown_ = keyspace_.type(key_);
  }

  std::size_t others(ValueType type) {
    return entry_.contenders() - (entry_.find(type) == nullptr ? 0 : 1);
  }

  // The fast path: the op's maker had the same value before him.
  void apply_observing(ValueType type, const std::string& name, ElementOp& op) {
    if (!op.is_live) {
      if (Body* const body = entry_.find(type)) body->elements.erase(name);
      remove_element(keyspace_, key_, type, name);
      return;
    }
    if (op.kills) {
      write_element(keyspace_, key_, type, name, *op.op.value);
      return entry_.body(type).elements.write(name, op.op.stamp, op.op.creates,
                                              kept(type, std::move(op.op.value)));
    }
    entry_.body(type).elements.change(
        name, [&](Element& element) { add_on_top(type, name, element, std::move(op.op)); });
  }

  void add_on_top(ValueType type, const std::string& name, Element& element, Live op) {
    if (op.kind == LiveKind::kAddToHll || op.kind == LiveKind::kMergeHll) {
      element.capture(read_element(keyspace_, key_, type, name), arithmetic_of(type));
      // Beneath increments, whichever came first: they do not count on a HyperLogLog.
      const bool is_beneath =
          element.has(LiveKind::kIncrement) || element.has(LiveKind::kIncrementFloat);
      if (!is_beneath) add_hll(op);
      element.add(std::move(op));
      if (is_beneath) project(entry_.body(type), name);
      return;
    }
    const auto native = read_element(keyspace_, key_, type, name);
    // A remove that its maker had not seen has left nothing here, which is another base than a stable value.
    if (element.empty() && !native) element.base = BaseState::kNone;
    if (op.kind == LiveKind::kIncrementFloat || !element.only_integers())
      element.capture(native, arithmetic_of(type));
    const auto sum = stepped(native, op, arithmetic_of(type));
    if (sum != native) write_element(keyspace_, key_, type, name, sum);
    add(type, element, std::move(op), native);
  }

  void apply_concurrent(ValueType type, const std::string& name, ElementOp& op, bool is_native) {
    Body& body = entry_.body(type);
    body.elements.change(
        name, [&](Element& element) { apply_concurrent(body, name, element, op, is_native); });
  }

  void apply_concurrent(const Body& body, const std::string& name, Element& element, ElementOp& op,
                        bool is_native) {
    const ValueType type = body.type;
    if (is_native && op.is_live && op.op.kind == LiveKind::kIncrement && element.only_integers() &&
        type != ValueType::kZset) {
      return add_on_top(type, name, element,
                        std::move(op.op));  // integers commute
    }
    const bool is_hll = op.op.kind == LiveKind::kAddToHll || op.op.kind == LiveKind::kMergeHll;
    if (is_native && is_hll && !element.empty() && element.only_hlls())
      return add_on_top(type, name, element, std::move(op.op));  // so do additions to a set
    if (late_sums_ != nullptr && late_sums_->has(key_, type, name))
      return element.add(std::move(op.op));
    std::optional<std::string> native;
    if (is_native) {
      native = read_element(keyspace_, key_, type, name);
      element.capture(native, arithmetic_of(type));
    } else if (element.empty()) {
      element.base = BaseState::kNone;
    }
    const auto before =
        element.winner() != nullptr ? std::optional(element.winner()->stamp) : std::nullopt;
    if (op.kills) element.kill(context_);
    if (op.is_live) {
      const bool is_write = op.op.kind == LiveKind::kWrite;
      add(type, element, std::move(op.op), native);
      if (is_write && before && !context_.covers(before->dot) && type != ValueType::kSet)
        conflicts_.lost_write(key_, name, std::max(*before, stamp_), std::min(*before, stamp_));
    } else if (!element.empty()) {
      conflicts_.survived_remove(key_, name);
    }
    const bool may_wait =
        late_sums_ != nullptr && !late_sums_->is_full() && !is_adopting_ && native;
    if (may_wait && element.is_float_sum()) return late_sums_->add(key_, type, name);
    if (is_native) project(body, name);
  }

  void add(ValueType type, Element& element, Live op, const std::optional<std::string>& native) {
    const bool is_increment =
        op.kind == LiveKind::kIncrement || op.kind == LiveKind::kIncrementFloat;
    if (!is_adopting_ || !is_increment) return element.add(std::move(op));
    element.add_above(std::move(op), native, arithmetic_of(type));
  }

  // Makes the native element what the live ops say.
  void project(const Body& body, const std::string& name) {
    body.elements.find(name)->read(
        [&](const Element& element) { project(body.type, name, element); });
  }

  void project(ValueType type, const std::string& name, const Element& element) {
    if (element.empty()) return remove_element(keyspace_, key_, type, name);
    auto value = element.projection(arithmetic_of(type));
    if (type == ValueType::kSet) value = "";
    if (value) {
      if (value != read_element(keyspace_, key_, type, name))
        write_element(keyspace_, key_, type, name, *value);
    } else {
      remove_element(keyspace_, key_, type, name);
    }
    for (const Live& live : element.live)
      if (live.kind == LiveKind::kAddToHll || live.kind == LiveKind::kMergeHll) add_hll(live);
  }

  void add_hll(const Live& live) {
    if (live.kind == LiveKind::kMergeHll) return keyspace_.merge_hll(key_, *live.value);
    std::vector<std::string> elements;
    for (Reader from(*live.value); from.ok() && !from.at_end();) elements.emplace_back(from.text());
    keyspace_.add_to_hll(key_, elements);
  }

  // Shows the body that wins, and puts what is native of another aside.
  void settle_type() {
    shown_ = keyspace_.type(key_);
    if (entry_.contenders() < (shown_ == ValueType::kNone ? 1U : 2U)) return;
    const auto best = *entry_.highest();
    if (best == shown_) return;
    if (shown_ != ValueType::kNone) {
      hide(best);
      keyspace_.remove(key_);
    }
    if (Body* const body = entry_.find(best)) {
      body->elements.for_each(
          [&](const ElementEntry& element) { project(*body, std::string(element.name())); });
    } else {
      show_list();
    }
    shown_ = best;
  }

  void hide(ValueType winner) {
    if (Body* const body = entry_.find(shown_)) {
      body->elements.change_each([&](const std::string& name, Element& element) {
        element.capture(read_element(keyspace_, key_, shown_, name), arithmetic_of(shown_));
      });
    } else if (shown_ == ValueType::kList) {
      std::uint64_t at = 0;
      sequence().pieces().change_values([&](const Piece& piece, std::vector<std::string>& values) {
        values = keyspace_.list_range(key_, at, piece.count);
        at += piece.count;
      });
    }
    conflicts_.lost_type(key_, rank(winner), rank(shown_));
  }

  Stamp rank(ValueType type) {
    if (type == ValueType::kList)
      return sequence().rank().value_or(std::pair(false, Stamp{})).second;
    const Body* const body = entry_.find(type);
    return body == nullptr ? Stamp{} : body->rank().second;
  }

  void show_list() {
    std::uint64_t at = 0;
    sequence().pieces().change_values([&](const Piece& piece, std::vector<std::string>& values) {
      keyspace_.insert_elements(key_, at, values);
      values.clear();
      at += piece.count;
    });
  }

  void settle_deadline() {
    const bool ends = ends_deadlines(op_);
    if (ends) entry_.kill_deadlines(context_);
    if (has_spared_ && entry_.deadlines.empty()) return;
    if (const auto deadline = deadline_of(op_.effect)) {
      if (!entry_.deadlines.empty()) is_concurrent_ = true;
      entry_.deadlines.push_back({stamp_, *deadline});
    }
    const auto now = keyspace_.type(key_);
    if (!ends && entry_.deadlines.empty() && deadline_ != kNoDeadline && now == ValueType::kNone)
      entry_.deadlines.push_back({Stamp{}, deadline_});
    show_deadline(ends ? kNoDeadline : deadline_);
  }

  // `wanted` where nothing that is kept says otherwise.
  void show_deadline(Deadline wanted) {
    if (keyspace_.type(key_) == ValueType::kNone) return;
    if (!entry_.deadlines.empty())
      wanted = std::ranges::max(entry_.deadlines, {}, &LiveDeadline::deadline).deadline;
    if (wanted != keyspace_.deadline(key_)) keyspace_.set_deadline(key_, wanted);
  }

  const Op& op_;
  const Stamp& stamp_;
  const Context& context_;
  const VersionVector& here_;
  const Untold untold_;
  const bool is_adopting_;
  LateSums* const late_sums_;
  KeyState& entry_;
  Keyspace& keyspace_;
  ConflictLog& conflicts_;
  const KeyName& key_;
  ValueType shown_;
  Deadline deadline_;
  bool is_concurrent_ = false;
  bool has_spared_ = false;
};

}  // namespace

void restamp_op(const Arrival& arrival, KeyState& entry, Keyspace& keyspace,
                ConflictLog& conflicts) {
  Merge(arrival, entry, keyspace, conflicts).restamp();
}

bool merge_op(const Arrival& arrival, KeyState& entry, Keyspace& keyspace, ConflictLog& conflicts) {
  return Merge(arrival, entry, keyspace, conflicts).run();
}

}  // namespace sluice::crdt
