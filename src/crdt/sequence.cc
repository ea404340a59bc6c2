#include "crdt/sequence.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace sluice::crdt {
namespace {

// `with_phantoms`: those of which the context does not say that it saw them removed.
bool is_in_view(const Piece& piece, const Sequence::View& view, bool with_phantoms) {
  const Context& context = view.context;
  const bool is_told_anew = view.untold == Untold::kSeenWhileHere && !piece.is_visible();
  if (piece.is_untold && (view.untold == Untold::kUnseen || is_told_anew)) return false;
  if (!piece.is_stable() && !context.covers(piece.stamp.dot)) return false;
  const auto is_seen = [&](const Dot& removal) { return context.covers(removal); };
  if (std::ranges::any_of(piece.known_removals(), is_seen)) return false;
  return !piece.is_phantom() ||
         (with_phantoms && !std::ranges::all_of(piece.guessed_removals(), is_seen));
}

}  // namespace

Sequence::Sequence(std::uint64_t length, bool is_untold) {
  if (length > 0) pieces_.push_back({.stamp = {}, .count = length, .is_untold = is_untold});
}

bool Sequence::is_concurrent_to(const Context& context) const {
  return !pieces_.covered_by(context);
}

std::optional<std::pair<bool, Stamp>> Sequence::rank() const {
  std::optional<std::pair<bool, Stamp>> best;
  for (const Piece& piece : pieces_)
    if (piece.is_visible())
      best = std::max(best, std::optional(std::pair(piece.creates, piece.stamp)));
  return best;
}

std::uint64_t Sequence::seen_length(const View& view, bool with_phantoms) const {
  std::uint64_t count = 0;
  for (auto place = pieces_.first(); place != pieces_.last();) {
    if (const auto seen = pieces_.seen_in_block(place, view.context)) {
      count += *seen;
      place = Pieces::next_block(place);
      continue;
    }
    if (is_in_view(pieces_[place], view, with_phantoms)) count += pieces_[place].count;
    place = pieces_.next(place);
  }
  return count;
}

// A list is gone as a whole, so all that is left of one was in the view, or nothing.
bool Sequence::sees_phantoms(const View& view) const {
  return !pieces_.has_special() || seen_length(view, true) <= view.length;
}

std::uint64_t Sequence::known_length(const View& view) {
  constexpr std::uint64_t kLongPieces = 64;
  const bool may_be_known = !pieces_.has_special() && pieces_.size() > kLongPieces;
  const bool is_known = may_be_known && last_view_ != nullptr &&
                        view.context.is_of(last_view_->maker, last_view_->others);
  if (is_known) return last_view_->length;
  last_view_.reset();
  const auto length = seen_length(view, sees_phantoms(view));
  if (may_be_known && !view.context.is_everything())
    last_view_ = std::make_unique<LastView>(view.context.maker(), view.context.others(), length);
  return length;
}

void Sequence::has_changed(const View& view, std::uint64_t inserted, std::uint64_t removed) {
  if (last_view_ == nullptr || view.context.is_everything()) return;
  if (view.context.is_of(last_view_->maker, last_view_->others))
    last_view_->length += inserted - removed;
  else
    last_view_.reset();
}

void Sequence::complete(const View& view, std::vector<Dot> unseen) {
  const auto seen = known_length(view);
  if (seen >= view.length || unseen.empty()) return;
  // What was inserted here since had no neighbour: it stands at the head.
  pieces_.insert(pieces_.last(), {.stamp = {},
                                  .count = view.length - seen,
                                  .guesses = static_cast<std::uint32_t>(unseen.size()),
                                  .removals = std::move(unseen)});
}

Sequence::Found Sequence::find(const View& view, std::int64_t at, std::uint64_t from_last,
                               bool with_phantoms) {
  if (at >= 0) return after(view, with_phantoms, static_cast<std::uint64_t>(at));
  return before_last(view, with_phantoms, static_cast<std::uint64_t>(-(at + 1)) + from_last);
}

// Past a block that begins at `found`, if all that the view has of it comes before the place that is looked for.
bool Sequence::passes_block(const View& view, Found& found, std::uint64_t& elements) const {
  const auto seen = pieces_.seen_in_block(found.place, view.context);
  if (!seen || *seen >= elements) return false;
  elements -= *seen;
  found.visible += pieces_.visible_in_block(found.place);
  found.place = Pieces::next_block(found.place);
  return true;
}

Sequence::Found Sequence::after(const View& view, bool with_phantoms, std::uint64_t elements) {
  Found found{.place = pieces_.first()};
  if (elements > 0) found.place = pieces_.first_seen(view.context);
  while (elements > 0 && found.place != pieces_.last()) {
    if (passes_block(view, found, elements)) continue;
    const Piece& piece = pieces_[found.place];
    const bool is_seen = is_in_view(piece, view, with_phantoms);
    if (is_seen && piece.count > elements) {
      if (piece.is_visible()) found.visible += elements;
      found.place = pieces_.split(found.place, elements);
      break;
    }
    if (is_seen) elements -= piece.count;
    found.visible += piece.shown();
    found.place = pieces_.next(found.place);
  }
  return found;
}

// The same from the right, where `found.visible` counts what is passed.
bool Sequence::passes_block_before(const View& view, Found& found, std::uint64_t& elements) const {
  if (found.place.at > 0) return false;
  const Pieces::Place block{found.place.block - 1, 0};
  const auto seen = pieces_.seen_in_block(block, view.context);
  if (!seen || *seen > elements) return false;
  elements -= *seen;
  found = {block, found.visible + pieces_.visible_in_block(block)};
  return true;
}

// Behind the element of the view that has `elements` of it to its right; at the head if there is none.
Sequence::Found Sequence::before_last(const View& view, bool with_phantoms,
                                      std::uint64_t elements) {
  Found found{.place = pieces_.last_seen(view.context)};
  while (found.place != pieces_.first()) {
    if (passes_block_before(view, found, elements)) continue;
    const auto before = pieces_.before(found.place);
    const Piece& left = pieces_[before];
    const bool is_seen = is_in_view(left, view, with_phantoms);
    if (is_seen && left.count > elements) {
      if (elements == 0) break;
      if (left.is_visible()) found.visible += elements;
      found.place = pieces_.split(before, left.count - elements);
      break;
    }
    if (is_seen) elements -= left.count;
    found.visible += left.shown();
    found.place = before;
  }
  found.visible = visible() - found.visible;
  return found;
}

std::uint64_t Sequence::insert(const View& view, std::int64_t at, Piece piece) {
  auto [place, visible] = find(view, at, 0, sees_phantoms(view));
  while (place != pieces_.last()) {
    if (pieces_.all_exceed_in_block(place, piece.stamp)) {
      visible += pieces_.visible_in_block(place);
      place = Pieces::next_block(place);
      continue;
    }
    const Piece& right = pieces_[place];
    if (right.is_stable() || right.stamp < piece.stamp) break;
    visible += right.shown();
    place = pieces_.next(place);
  }
  has_changed(view, piece.count, 0);
  pieces_.insert(place, std::move(piece));
  return visible;
}

std::vector<Sequence::Range> Sequence::remove(const View& view, std::int64_t at,
                                              std::uint64_t count, const Dot& by) {
  const bool with_phantoms = sees_phantoms(view);
  auto [place, visible] = find(view, at, 1, with_phantoms);
  std::vector<Range> gone;
  if (place == pieces_.first()) place = pieces_.first_seen(view.context);
  while (count > 0 && place != pieces_.last()) {
    if (pieces_.seen_in_block(place, view.context) == 0) {
      visible += pieces_.visible_in_block(place);
      place = Pieces::next_block(place);
      continue;
    }
    if (!is_in_view(pieces_[place], view, with_phantoms)) {
      visible += pieces_[place].shown();
      place = pieces_.next(place);
      continue;
    }
    if (pieces_[place].count > count) place = pieces_.before(pieces_.split(place, count));
    const Piece& piece = pieces_[place];
    count -= piece.count;
    has_changed(view, 0, piece.count);
    if (piece.is_visible()) gone.push_back({visible, piece.count});
    pieces_.remove(place, by);
    place = pieces_.next(place);
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
  if (last_view_ != nullptr) has_changed(view, 0, last_view_->length);
  std::vector<Range> gone;
  std::uint64_t at = 0;
  for (auto place = pieces_.first(); place != pieces_.last();) {
    if (pieces_.seen_in_block(place, view.context) == 0) {
      at += pieces_.visible_in_block(place);
      place = Pieces::next_block(place);
      continue;
    }
    const auto now = pieces_[place].shown();
    if (is_in_view(pieces_[place], view, true)) {
      if (now > 0) gone.push_back({at, now});
      pieces_.remove(place, by);
    }
    at += now;
    place = pieces_.next(place);
  }
  std::ranges::reverse(gone);
  return gone;
}

// A removed piece also ends the walk of an insertion that stands left of it, so it stays as long as what follows it
// may be greater than an op to come.
bool Sequence::prune(const VersionVector& forgotten, bool keeps_untold) {
  std::vector<Piece> kept;  // from the last to the first
  last_view_.reset();
  bool is_stable_behind = true;
  auto all = pieces_.take();
  for (Piece& piece : all | std::views::reverse) {
    if (!piece.is_stable() && forgotten.covers(piece.stamp.dot)) {
      piece.stamp = {};
      piece.creates = false;
    }
    if (!keeps_untold && piece.is_visible()) piece.is_untold = false;
    const auto is_known = [&](const Dot& removal) { return forgotten.covers(removal); };
    const bool is_gone =
        std::ranges::any_of(piece.known_removals(), is_known) ||
        (piece.is_phantom() && std::ranges::all_of(piece.guessed_removals(), is_known));
    if (is_gone && is_stable_behind) continue;
    is_stable_behind = piece.is_stable();
    const bool joins = !kept.empty() && piece.is_stable() && piece.is_visible() &&
                       kept.back().is_stable() && kept.back().is_visible() &&
                       kept.back().is_untold == piece.is_untold;
    if (joins) {
      kept.back().count += piece.count;
    } else {
      kept.push_back(std::move(piece));
    }
  }
  std::ranges::reverse(kept);
  pieces_.replace(std::move(kept));
  return std::ranges::all_of(pieces_, [](const Piece& piece) {
    return piece.is_stable() && piece.is_visible() && !piece.is_untold;
  });
}

void Sequence::tell() {
  if (!has_untold()) return;
  last_view_.reset();
  auto pieces = pieces_.take();
  for (Piece& piece : pieces)
    if (piece.is_visible()) piece.is_untold = false;
  pieces_.replace(std::move(pieces));
}

bool Sequence::has_untold() const {
  return pieces_.has_special() &&
         std::ranges::any_of(pieces_, [](const Piece& p) { return p.is_untold && p.is_visible(); });
}

}  // namespace sluice::crdt
