// The pieces of a list in their order, in blocks with sums: what somebody sees, and where a stamp belongs, is found
// without looking at each piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "crdt/context.h"
#include "crdt/dot.h"
#include "crdt/version_vector.h"

namespace sluice::crdt {

// Elements that stand together, were inserted by one op, and removed by the same ones.
struct Piece {
  Stamp stamp = {};  // of the insertion; none if that is stable: less than all that may still come
  std::uint64_t count = 0;
  bool creates = false;
  // Stable, and from before the module: nobody but this region has it, until it is told (Region::begin_adoption).
  bool is_untold = false;
  // Something here removed the list before it was known how long it was: one of the first so many of `removals`, or an
  // earlier op of that actor. Whether a maker had seen it tells the length that he saw.
  std::uint32_t guesses = 0;
  std::vector<Dot> removals = {};
  std::vector<std::string> values = {};  // while another type is shown

  bool is_visible() const { return removals.empty(); }
  bool is_stable() const { return stamp.dot.seq == 0; }
  bool is_phantom() const { return guesses > 0; }
  // Whether a context does not tell who sees it.
  bool is_special() const { return is_phantom() || is_untold; }
  std::span<const Dot> guessed_removals() const { return std::span(removals).first(guesses); }
  std::span<const Dot> known_removals() const { return std::span(removals).subspan(guesses); }
  std::uint64_t shown() const { return is_visible() ? count : 0; }
};

// A list with a million unstable pieces is pushed to and popped from as fast as a short one is: an hour's queue
// while a region is away.
class Pieces {
  // What is known of all pieces of a block.
  struct Sums {
    // Of what one actor inserted; of what is stable none did.
    struct OfMaker {
      Actor maker;
      Seq first = 0, newest = 0;  // insertions
      std::uint64_t visible = 0;
      VersionVector removals;  // the newest
    };
    std::uint64_t visible = 0;
    std::uint32_t special = 0, stable = 0;  // phantoms and what is not told
    Stamp least;  // of the unstable insertions; counts only where there are some
    std::vector<OfMaker> makers;

    bool has_unstable() const { return makers.size() > (stable > 0 ? 1 : 0); }
    void add(const Piece& piece);
    void hide(const Piece& piece, std::uint64_t elements);
    OfMaker& of(const Piece& piece);  // whose there are some
  };
  struct Block {
    std::vector<Piece> pieces;
    Sums sums;

    void sum();
  };

 public:
  class Iterator {
   public:
    // NOLINTBEGIN(readability-identifier-naming): the standard's names
    using value_type = Piece;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;
    // NOLINTEND(readability-identifier-naming)
    Iterator() = default;
    const Piece& operator*() const { return (*pieces_)[{block_, at_}]; }
    const Piece* operator->() const { return &**this; }
    Iterator& operator++() {
      if (++at_ == pieces_->blocks_[block_]->pieces.size()) ++block_, at_ = 0;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class Pieces;
    Iterator(const Pieces& pieces, std::size_t block) : pieces_(&pieces), block_(block) {}
    const Pieces* pieces_ = nullptr;
    std::size_t block_ = 0, at_ = 0;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, blocks_.size()}; }

  // Where a piece stands, or the end. Holds until something is inserted.
  struct Place {
    std::size_t block = 0, at = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  Place first() const { return {}; }
  Place last() const { return {blocks_.size(), 0}; }  // behind all
  const Piece& operator[](Place place) const { return blocks_[place.block]->pieces[place.at]; }
  Place next(Place place) const;
  Place before(Place place) const;  // `place` is not the first

  std::uint64_t size() const { return size_; }
  std::uint64_t visible() const { return visible_; }
  // Phantoms, or elements that are not told.
  bool has_special() const { return special_ > 0; }

  // Of the block that begins at `place`: what its sums tell.
  static Place next_block(Place place) { return {place.block + 1, 0}; }
  std::uint64_t visible_in_block(Place place) const { return blocks_[place.block]->sums.visible; }
  // How many elements `context` has in its view; nothing if that takes a look at the pieces, or none begins there.
  std::optional<std::uint64_t> seen_in_block(Place place, const Context& context) const;
  bool all_exceed_in_block(Place place, const Stamp& stamp) const;
  // Whether `context` has all of the insertions and removals.
  bool covered_by(const Context& context) const;
  // Past blocks at that end of which `context` has nothing in its view, as far as that is known at once.
  Place first_seen(const Context& context) const;
  Place last_seen(const Context& context) const;

  void push_back(Piece piece) { insert(last(), std::move(piece)); }
  // Before `place`; where it now stands.
  Place insert(Place place, Piece piece);
  // `place` keeps the first `count` elements, fewer than all; where the others now stand, behind it.
  Place split(Place place, std::uint64_t count);
  void remove(Place place, const Dot& by);  // also those that are not visible

  template <typename Change>
  void change_values(Change change) {  // of each visible piece
    for (auto& block : blocks_)
      for (Piece& piece : block->pieces)
        if (piece.is_visible()) change(std::as_const(piece), piece.values);
  }
  // All, in order; until replace() this has none.
  std::vector<Piece> take();
  void replace(std::vector<Piece> pieces);

 private:
  Place with_room(Place place);
  Block& make(std::size_t block);
  void may_show(std::size_t block);

  std::vector<std::unique_ptr<Block>> blocks_;  // none is empty
  std::uint64_t size_ = 0, visible_ = 0, special_ = 0;
  VersionVector newest_;  // of insertions and removals
  // So many blocks at either end are known to have nothing visible: what a queue has served.
  std::size_t hidden_first_ = 0, hidden_last_ = 0;
};

}  // namespace sluice::crdt
