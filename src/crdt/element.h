// One element's unstable ops: a string key, a field, a member, an entry.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crdt/context.h"
#include "crdt/dot.h"
#include "crdt/live_ops.h"

namespace sluice::crdt {

// How increments are summed: text as in strings and fields, doubles as in scores.
enum class Arithmetic : std::uint8_t { kText, kScore };

// What stands beneath the live ops.
enum class BaseState : std::uint8_t {
  kStable,  // a stable value, or none, that was native before the first live op; not kept
  kNone,    // some op replaced it
  kKnown,
};

// The writes are siblings, each made without having seen the others: the greatest stamp wins. Increments add
// to the winner, or to the base where there is no write. All that a later op observes it kills.
class Element {
 public:
  bool empty() const { return live.empty(); }
  bool covered_by(const Context& context) const { return live.covered_by(context); }
  // Whether something died. The base always does: it is stable, so everybody has seen it.
  bool kill(const Context& context);
  void add(Live op);
  // An increment, on a value that its maker may lack, and nobody else knows: `native`, which stays beneath it.
  void add_above(Live op, const std::optional<std::string>& native, Arithmetic arithmetic);

  bool has(LiveKind kind) const { return live.has(kind); }
  bool only_integers() const { return live.count(LiveKind::kIncrement) == live.size(); }
  bool only_hlls() const {
    return live.count(LiveKind::kAddToHll) + live.count(LiveKind::kMergeHll) == live.size();
  }
  bool has_hll() const { return has(LiveKind::kAddToHll) || has(LiveKind::kMergeHll); }
  // Whether it is a number whose last bits depend on the order of all increments.
  bool is_float_sum() const { return has(LiveKind::kIncrementFloat) && !has_hll(); }
  const Live* winner() const;  // among the writes

  // Keeps the values that so far only the native one tells. `native` is the element's value before the
  // next op is added.
  void capture(const std::optional<std::string>& native, Arithmetic arithmetic);
  // The value, from what is kept; of a HyperLogLog that which is to be added to.
  std::optional<std::string> projection(Arithmetic arithmetic) const;

  // Forgets what `forgotten` covers, if the rest can do without. True if nothing is left.
  bool prune(const VersionVector& forgotten, Arithmetic arithmetic);

  std::optional<Stamp> greatest(bool creating) const;
  std::uint64_t bytes() const { return sizeof *this + live.bytes() + base_value.size(); }  // about

  LiveOps live;
  BaseState base = BaseState::kStable;
  std::string base_value;  // kKnown

 private:
  void set_base(std::string value);
  void prune_writes(const VersionVector& forgotten);
  void prune_integers(const VersionVector& forgotten);
  void prune_floats(const VersionVector& forgotten, Arithmetic arithmetic);
  // Before a float is noted, or an integer comes beneath one: see IncrementFloat::result.
  void derive_base(const Live& increment, std::int64_t beneath);
};

// One increment on top of a value; nullopt counts as 0.
std::string stepped(const std::optional<std::string>& value, const Live& increment,
                    Arithmetic arithmetic);

}  // namespace sluice::crdt
