#include "crdt/element.h"

#include <algorithm>
#include <cmath>

#include "crdt/number.h"

namespace sluice::crdt {
namespace {

bool is_increment(const Live& op) {
  return op.kind == LiveKind::kIncrement || op.kind == LiveKind::kIncrementFloat;
}

double score_sum(double from, const Live& increment) {
  const double sum = from + score_of(*increment.value);
  return std::isnan(sum) ? from : sum;
}

}  // namespace

std::string stepped(const std::optional<std::string>& value, const Live& increment,
                    Arithmetic arithmetic) {
  if (arithmetic == Arithmetic::kText) {
    const std::string from = value.value_or("0");
    if (increment.kind == LiveKind::kIncrement) return incremented(from, increment.by);
    return incremented(from, *increment.value);
  }
  return score_bytes(score_sum(value ? score_of(*value) : 0, increment));
}

namespace {

// All increments on top of `value`; if nobody knows what that is, on what the first of them tells.
std::optional<std::string> summed(const LiveOps& live, std::optional<std::string> value,
                                  bool is_anchored, Arithmetic arithmetic) {
  auto op = std::ranges::find_if(live, is_increment);
  if (op == live.end()) return value;
  if (!is_anchored && !op->result.empty()) {
    value = op->result;
    ++op;
  }
  if (arithmetic == Arithmetic::kScore) {
    double score = value ? score_of(*value) : 0;
    for (; op != live.end(); ++op)
      if (is_increment(*op)) score = score_sum(score, *op);
    return score_bytes(score);
  }
  SteppedSum sum(value ? std::move(*value) : "0");
  for (; op != live.end(); ++op) {
    if (op->kind == LiveKind::kIncrement) sum.add(op->by);
    if (op->kind == LiveKind::kIncrementFloat) sum.add(*op->value);
  }
  return std::move(sum).text();
}

}  // namespace

bool Element::kill(const Context& context) {
  const auto dead = live.erase_if([&](const Live& op) { return context.covers(op.stamp.dot); });
  const bool died = dead > 0 || base != BaseState::kNone;
  base = BaseState::kNone;
  base_value.clear();
  return died;
}

void Element::add(Live op) {
  if (op.creates && base != BaseState::kNone) {  // its maker saw that there is none
    base = BaseState::kNone;
    base_value.clear();
  }
  if (base == BaseState::kStable && op.kind == LiveKind::kIncrementFloat) {
    const bool is_first = !has(LiveKind::kIncrementFloat) && !has(LiveKind::kWrite);
    if (is_first && has(LiveKind::kIncrement)) derive_base(op, live.sum());
  } else if (base == BaseState::kStable && op.kind == LiveKind::kIncrement &&
             has(LiveKind::kIncrementFloat)) {
    const auto anchor = std::ranges::find(live, LiveKind::kIncrementFloat, &Live::kind);
    if (anchor->stamp > op.stamp) derive_base(*anchor, 0);
  }
  live.add(std::move(op));
}

namespace {

Live negated(const Live& increment, Arithmetic arithmetic) {
  Live back{.stamp = {}, .kind = increment.kind, .by = wrapping_difference(0, increment.by)};
  if (increment.kind == LiveKind::kIncrementFloat && arithmetic == Arithmetic::kText) {
    const std::string& by = *increment.value;
    back.value = by.starts_with('-') ? by.substr(1) : "-" + by;
  } else if (increment.kind == LiveKind::kIncrementFloat) {
    back.value = score_bytes(-score_of(*increment.value));
  }
  return back;
}

}  // namespace

void Element::add_above(Live op, const std::optional<std::string>& native, Arithmetic arithmetic) {
  if (base == BaseState::kStable && native && !has(LiveKind::kWrite)) {
    std::optional<std::string> beneath = native;
    for (const Live& increment : live)
      if (is_increment(increment))
        beneath = stepped(beneath, negated(increment, arithmetic), arithmetic);
    set_base(std::move(*beneath));
  }
  const auto kept = base == BaseState::kKnown ? std::optional(base_value) : std::nullopt;
  add(std::move(op));
  if (kept) set_base(*kept);
}

// An integer was incremented by a float, or a float saw an integer: the value before is an integer, and so
// exactly what was added less than the sum (below 2^60, where long double has bits to spare).
void Element::derive_base(const Live& increment, std::int64_t beneath) {
  const auto result = parse_float(increment.result);
  const auto by = parse_float(*increment.value);
  if (!result || !by) return;
  set_base(std::to_string(wrapping_difference(std::llroundl(*result - *by), beneath)));
}

void Element::set_base(std::string value) {
  base = BaseState::kKnown;
  base_value = std::move(value);
}

const Live* Element::winner() const {
  if (!has(LiveKind::kWrite)) return nullptr;
  const auto last = std::ranges::find(live.rbegin(), live.rend(), LiveKind::kWrite, &Live::kind);
  return last == live.rend() ? nullptr : &*last;
}

void Element::capture(const std::optional<std::string>& native, Arithmetic arithmetic) {
  if (!native) {
    if (live.empty()) base = BaseState::kNone;
    return;
  }
  const auto without_integers = [&] {
    const auto sum = live.sum();
    const auto integer =
        arithmetic == Arithmetic::kText && sum != 0 ? parse_integer(*native) : std::nullopt;
    return integer ? std::to_string(wrapping_difference(*integer, sum)) : *native;
  };
  if (const Live* const write = winner(); write != nullptr) {
    // A write without its value is the only one, and whatever else is live has come on top of it here.
    if (!write->value) live.set_value(*write, without_integers());
  } else if (base == BaseState::kStable && !has(LiveKind::kIncrementFloat)) {
    set_base(without_integers());
  } else if (base == BaseState::kStable && arithmetic == Arithmetic::kText &&
             !parse_float(*native)) {
    set_base(*native);  // no number, such as a HyperLogLog: increments have left it as it was
  }
}

std::optional<std::string> Element::projection(Arithmetic arithmetic) const {
  std::optional<std::string> value;
  const Live* const write = winner();
  if (write != nullptr) {
    value = write->value;
  } else if (base == BaseState::kKnown) {
    value = base_value;
  }
  if (has_hll() && !value) return value;  // what is added makes it a HyperLogLog: no number
  if (has(LiveKind::kIncrement) && !has(LiveKind::kIncrementFloat) &&
      parse_integer(value.value_or("0")))
    return incremented(value.value_or("0"), live.sum());
  const bool is_anchored = write != nullptr || base != BaseState::kStable;
  return summed(live, std::move(value), is_anchored, arithmetic);
}

bool Element::prune(const VersionVector& forgotten, Arithmetic arithmetic) {
  const auto is_forgotten = [&](const Live& op) { return forgotten.covers(op.stamp.dot); };
  if (std::ranges::all_of(live, is_forgotten)) {
    live.clear();
    return true;
  }
  prune_writes(forgotten);
  if (has(LiveKind::kWrite)) return false;
  if (has_hll()) {
    // Beneath increments it stays whole until they go too: alone they would show a number again.
    const bool is_beneath = has(LiveKind::kIncrement) || has(LiveKind::kIncrementFloat);
    if (!is_beneath && live.erase_if(is_forgotten) > 0) base = BaseState::kStable;
  } else if (has(LiveKind::kIncrementFloat)) {
    prune_floats(forgotten, arithmetic);
  } else {
    prune_integers(forgotten);
  }
  return false;
}

// All siblings or none: an op that saw only the winner would uncover another.
void Element::prune_writes(const VersionVector& forgotten) {
  const Live* const write = winner();
  if (write == nullptr) return;
  for (const Live& op : live)
    if (op.kind == LiveKind::kWrite && !forgotten.covers(op.stamp.dot)) return;
  if (write->value) {
    set_base(*write->value);
  } else {
    base = BaseState::kStable;
  }
  live.erase_if([](const Live& op) { return op.kind == LiveKind::kWrite; });
}

void Element::prune_integers(const VersionVector& forgotten) {
  live.erase_if([&](const Live& op) {
    if (!forgotten.covers(op.stamp.dot)) return false;
    if (base == BaseState::kKnown) set_base(incremented(base_value, op.by));
    if (base == BaseState::kNone) set_base(std::to_string(op.by));
    return true;
  });
}

// In the order of stamps only: the sum's last bits depend on it.
void Element::prune_floats(const VersionVector& forgotten, Arithmetic arithmetic) {
  std::size_t count = 0;
  for (const Live& first : live) {
    if (!forgotten.covers(first.stamp.dot)) break;
    if (base == BaseState::kStable && first.result.empty()) break;
    if (base == BaseState::kStable) {
      set_base(first.result);
    } else {
      const auto under = base == BaseState::kKnown ? std::optional(base_value) : std::nullopt;
      set_base(stepped(under, first, arithmetic));
    }
    ++count;
  }
  live.erase_first(count);
}

std::optional<Stamp> Element::greatest(bool creating) const {
  std::optional<Stamp> stamp;
  for (const Live& op : live)
    if (op.creates || !creating) stamp = op.stamp;
  return stamp;
}

}  // namespace sluice::crdt
