// What the maker of an op had seen when he made it.
#pragma once

#include "crdt/version_vector.h"

namespace sluice::crdt {

// A view: the vector outlives it.
class Context {
 public:
  // Of a local write: whatever is here.
  static Context everything() { return Context(nullptr, {}); }
  // `others` need not hold the maker's own ops: all of his up to `op` are covered, and so is what `op` itself wrote:
  // of two writes to one element in one op the second counts.
  Context(const VersionVector& others, Dot op) : Context(&others, op) {}

  bool covers(const Dot& dot) const {
    if (others_ == nullptr || dot.seq == 0) return true;
    return dot.actor == op_.actor ? dot.seq <= op_.seq : others_->covers(dot);
  }

  // Whether the maker and what he had seen of others are these.
  bool is_of(Actor maker, const VersionVector& others) const {
    return others_ != nullptr && op_.actor == maker && *others_ == others;
  }
  bool is_everything() const { return others_ == nullptr; }
  Actor maker() const { return op_.actor; }                 // not of everything()
  const VersionVector& others() const { return *others_; }  // likewise

 private:
  Context(const VersionVector* others, Dot op) : others_(others), op_(op) {}

  const VersionVector* others_;
  Dot op_;
};

}  // namespace sluice::crdt
