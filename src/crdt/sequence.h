// A list's shadow: in what order its elements stand, which of them somebody may not know yet, and which removed
// ones somebody may still count by.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "crdt/context.h"
#include "crdt/dot.h"
#include "crdt/pieces.h"

namespace sluice::crdt {

// What of the elements that a region has not told to others the maker of an op has in his view: all, being of that
// region himself; as if he had those that are still here and not told by other elements; or none.
enum class Untold : std::uint8_t { kSeen, kSeenWhileHere, kUnseen };

// Positions of an op count what its maker saw: insertions in his context, less removals in it. A replicated growable
// array (Roh et al. 2011): an insertion stands after its left neighbour in that view, behind
// whatever greater stamps have put there.
class Sequence {
 public:
  // A list of `length` stable elements, which this region has told to others, or not.
  explicit Sequence(std::uint64_t length, bool is_untold = false);
  explicit Sequence(Pieces pieces) : pieces_(std::move(pieces)) {}

  struct Range {
    std::uint64_t at = 0;  // among the visible
    std::uint64_t count = 0;
  };
  struct View {
    const Context& context;
    std::uint64_t length = 0;  // as the maker saw it
    Untold untold = Untold::kSeen;
  };

  // Makes the view as long as its maker saw it, by a phantom removed by `unseen`, if it is shorter.
  void complete(const View& view, std::vector<Dot> unseen);

  // Where the first of `values` now stands among the visible. `at` as in InsertElements.
  std::uint64_t insert(const View& view, std::int64_t at, Piece piece);
  // What is visible no more, from the last to the first. `at` as in RemoveElements.
  std::vector<Range> remove(const View& view, std::int64_t at, std::uint64_t count, const Dot& by);
  std::vector<Range> remove_all(const View& view, const Dot& by);

  std::uint64_t visible() const { return pieces_.visible(); }
  bool is_concurrent_to(const Context& context) const;
  // Created by a live op; the greatest stamp. As Body::rank.
  std::optional<std::pair<bool, Stamp>> rank() const;

  // Forgets what `forgotten` covers, and what others have not been told unless `keeps_untold`; true if nothing is left
  // but stable elements.
  bool prune(const VersionVector& forgotten, bool keeps_untold = false);
  bool has_untold() const;  // that are here
  void tell();              // all of them
  // As if ops that `is_gone` had not been.
  template <typename Predicate>
  void take_back(Predicate is_gone);

  Pieces& pieces() { return pieces_; }
  const Pieces& pieces() const { return pieces_; }

 private:
  struct Found {
    Pieces::Place place;
    std::uint64_t visible = 0;  // before it
  };
  bool sees_phantoms(const View& view) const;
  std::uint64_t seen_length(const View& view, bool with_phantoms) const;
  Found find(const View& view, std::int64_t at, std::uint64_t from_last, bool with_phantoms);
  bool passes_block(const View& view, Found& found, std::uint64_t& elements) const;
  bool passes_block_before(const View& view, Found& found, std::uint64_t& elements) const;
  Found after(const View& view, bool with_phantoms,
              std::uint64_t elements);  // that many in the view
  Found before_last(const View& view, bool with_phantoms, std::uint64_t elements);

  // In the view of who made the last op from elsewhere. What he makes next, if he has seen no more of others, he makes on
  // that: nobody else's op is in his view that was not.
  struct LastView {
    Actor maker;
    VersionVector others;
    std::uint64_t length = 0;
  };
  std::uint64_t known_length(const View& view);
  void has_changed(const View& view, std::uint64_t inserted, std::uint64_t removed);

  Pieces pieces_;
  std::unique_ptr<LastView> last_view_;  // of long lists, without phantoms and what is not told
};

template <typename Predicate>
void Sequence::take_back(Predicate is_gone) {
  last_view_.reset();
  auto pieces = pieces_.take();
  for (Piece& piece : pieces) {
    const auto known = piece.removals.begin() + piece.guesses;
    piece.removals.erase(std::remove_if(known, piece.removals.end(), is_gone),
                         piece.removals.end());
  }
  std::erase_if(pieces, [&](const Piece& piece) { return is_gone(piece.stamp.dot); });
  pieces_.replace(std::move(pieces));
}

}  // namespace sluice::crdt
