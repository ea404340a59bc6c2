#include "crdt/sequence.h"

#include <algorithm>
#include <utility>

namespace sluice::crdt {
namespace {

bool is_in_view(const Piece& piece, const Context& context, bool partial) {
  if (!piece.is_stable() && !context.covers(piece.stamp.dot)) return false;
  const auto is_seen = [&](const Dot& removal) { return context.covers(removal); };
  if (!piece.is_phantom) return std::ranges::none_of(piece.removals, is_seen);
  return partial ? !std::ranges::all_of(piece.removals, is_seen)
                 : std::ranges::none_of(piece.removals, is_seen);
}

std::uint64_t shown(const Piece& piece) {
  return piece.is_visible() ? piece.count : 0;
}

}  // namespace

Sequence::Sequence(std::uint64_t length) {
  if (length > 0) pieces_.push_back({.stamp = {}, .count = length});
}

std::uint64_t Sequence::visible() const {
  std::uint64_t count = 0;
  for (const Piece& piece : pieces_) count += shown(piece);
  return count;
}

bool Sequence::is_concurrent_to(const Context& context) const {
  return std::ranges::any_of(pieces_, [&](const Piece& piece) {
    const auto is_unseen = [&](const Dot& removal) { return !context.covers(removal); };
    return !context.covers(piece.stamp.dot) || std::ranges::any_of(piece.removals, is_unseen);
  });
}

std::optional<std::pair<bool, Stamp>> Sequence::rank() const {
  std::optional<std::pair<bool, Stamp>> best;
  for (const Piece& piece : pieces_)
    if (piece.is_visible())
      best = std::max(best, std::optional(std::pair(piece.creates, piece.stamp)));
  return best;
}

std::uint64_t Sequence::seen_length(const Context& context, bool partial) const {
  std::uint64_t count = 0;
  for (const Piece& piece : pieces_)
    if (is_in_view(piece, context, partial)) count += piece.count;
  return count;
}

bool Sequence::counts_partial(const View& view) const {
  const auto is_phantom = [](const Piece& piece) { return piece.is_phantom; };
  if (std::ranges::none_of(pieces_, is_phantom)) return true;
  return seen_length(view.context, false) != view.length;
}

void Sequence::complete(const View& view, std::vector<Dot> unseen) {
  const auto seen = seen_length(view.context, counts_partial(view));
  if (seen >= view.length || unseen.empty()) return;
  pieces_.push_front({.stamp = {},
                      .count = view.length - seen,
                      .is_phantom = true,
                      .removals = std::move(unseen)});
}

void Sequence::split(std::size_t piece, std::uint64_t at) {
  Piece& whole = pieces_[piece];
  if (at == 0 || at >= whole.count) return;
  Piece rest = whole;
  rest.count = whole.count - at;
  whole.count = at;
  if (!whole.values.empty()) {
    const auto cut = static_cast<std::ptrdiff_t>(at);
    rest.values.assign(whole.values.begin() + cut, whole.values.end());
    whole.values.resize(at);
  }
  pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(piece) + 1, std::move(rest));
}

Sequence::Place Sequence::after(const View& view, bool partial, std::uint64_t elements) {
  Place place;
  while (elements > 0 && place.piece < pieces_.size()) {
    if (is_in_view(pieces_[place.piece], view.context, partial)) {
      if (pieces_[place.piece].count > elements) split(place.piece, elements);
      elements -= pieces_[place.piece].count;
    }
    place.visible += shown(pieces_[place.piece++]);
  }
  return place;
}

// Behind the element of the view that has `elements` of it to its right; at the head if there is none.
Sequence::Place Sequence::before_last(const View& view, bool partial, std::uint64_t elements) {
  std::size_t piece = pieces_.size();
  std::uint64_t right = 0;
  for (; piece > 0; --piece) {
    const Piece& left = pieces_[piece - 1];
    if (is_in_view(left, view.context, partial)) {
      if (left.count > elements) {
        const bool is_shown = left.is_visible();
        split(piece - 1, left.count - elements);
        if (is_shown) right += elements;
        break;
      }
      elements -= left.count;
    }
    right += shown(left);
  }
  return {piece, right};
}

std::uint64_t Sequence::insert(const View& view, std::int64_t at, Piece piece) {
  const bool partial = counts_partial(view);
  Place place;
  if (at >= 0) {
    place = after(view, partial, static_cast<std::uint64_t>(at));
  } else {
    place = before_last(view, partial, static_cast<std::uint64_t>(-(at + 1)));
    place.visible = visible() - place.visible;
  }
  while (place.piece < pieces_.size() && !pieces_[place.piece].is_stable() &&
         pieces_[place.piece].stamp > piece.stamp)
    place.visible += shown(pieces_[place.piece++]);
  pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(place.piece), std::move(piece));
  return place.visible;
}

std::vector<Sequence::Range> Sequence::remove(const View& view, std::int64_t at,
                                              std::uint64_t count, const Dot& by) {
  const bool partial = counts_partial(view);
  Place place;
  if (at >= 0) {
    place = after(view, partial, static_cast<std::uint64_t>(at));
  } else {
    place = before_last(view, partial, static_cast<std::uint64_t>(-(at + 1)) + 1);
    place.visible = visible() - place.visible;
  }
  std::vector<Range> gone;
  for (; count > 0 && place.piece < pieces_.size(); ++place.piece) {
    if (!is_in_view(pieces_[place.piece], view.context, partial)) {
      place.visible += shown(pieces_[place.piece]);
      continue;
    }
    if (pieces_[place.piece].count > count) split(place.piece, count);
    Piece& piece = pieces_[place.piece];
    count -= piece.count;
    if (piece.is_visible()) gone.push_back({place.visible, piece.count});
    piece.removals.push_back(by);
    piece.values.clear();
  }
  // Each was counted with those before it gone; from the last on that is where they stand.
  std::uint64_t before = 0;
  for (Range& range : gone) {
    range.at += before;
    before += range.count;
  }
  std::ranges::reverse(gone);
  return gone;
}

std::vector<Sequence::Range> Sequence::remove_all(const View& view, const Dot& by) {
  std::vector<Range> gone;
  std::uint64_t at = 0;
  for (Piece& piece : pieces_) {
    const auto now = shown(piece);
    if (is_in_view(piece, view.context, true)) {
      if (now > 0) gone.push_back({at, now});
      piece.removals.push_back(by);
      piece.values.clear();
    }
    at += now;
  }
  std::ranges::reverse(gone);
  return gone;
}

// A removed piece also ends the walk of an insertion that stands left of it, so it stays as long as what follows it
// may be greater than an op to come.
bool Sequence::prune(const VersionVector& forgotten) {
  bool is_stable_behind = true;
  for (std::size_t at = pieces_.size(); at-- > 0;) {
    Piece& piece = pieces_[at];
    if (!piece.is_stable() && forgotten.covers(piece.stamp.dot)) {
      piece.stamp = {};
      piece.creates = false;
    }
    const auto is_known = [&](const Dot& removal) { return forgotten.covers(removal); };
    const bool is_gone =
        !piece.is_visible() && (piece.is_phantom ? std::ranges::all_of(piece.removals, is_known)
                                                 : std::ranges::any_of(piece.removals, is_known));
    if (is_gone && is_stable_behind) {
      pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    is_stable_behind = piece.is_stable();
    const bool joins = at + 1 < pieces_.size() && piece.is_stable() && piece.is_visible() &&
                       pieces_[at + 1].is_stable() && pieces_[at + 1].is_visible();
    if (joins) {
      piece.count += pieces_[at + 1].count;
      pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
  }
  return std::ranges::all_of(
      pieces_, [](const Piece& piece) { return piece.is_stable() && piece.is_visible(); });
}

}  // namespace sluice::crdt
