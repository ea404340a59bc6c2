#include "crdt/pieces.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace sluice::crdt {
namespace {

constexpr std::size_t kBlockPieces = 128;
// What is pushed to the head moves what is in the first block.
constexpr std::size_t kHeadBlockPieces = 16;

}  // namespace

Pieces::Sums::OfMaker& Pieces::Sums::of(const Piece& piece) {
  return *std::ranges::find(makers, piece.stamp.dot.actor, &OfMaker::maker);
}

void Pieces::Sums::add(const Piece& piece) {
  visible += piece.shown();
  if (piece.is_special()) ++special;
  const Dot& dot = piece.stamp.dot;
  if (!piece.is_stable() && (!has_unstable() || piece.stamp < least)) least = piece.stamp;
  if (piece.is_stable()) ++stable;
  auto own = std::ranges::find(makers, dot.actor, &OfMaker::maker);
  if (own == makers.end())
    own = makers.insert(own, {.maker = dot.actor, .first = dot.seq, .removals = {}});
  own->first = std::min(own->first, dot.seq);
  own->newest = std::max(own->newest, dot.seq);
  own->visible += piece.shown();
  for (const Dot& removal : piece.removals) own->removals.advance(removal);
}

void Pieces::Sums::hide(const Piece& piece, std::uint64_t elements) {
  visible -= elements;
  of(piece).visible -= elements;
}

void Pieces::Block::sum() {
  sums = {};
  for (const Piece& piece : pieces) sums.add(piece);
}

Pieces::Place Pieces::next(Place place) const {
  if (++place.at == blocks_[place.block]->pieces.size()) return next_block(place);
  return place;
}

Pieces::Place Pieces::before(Place place) const {
  if (place.at > 0) return {place.block, place.at - 1};
  return {place.block - 1, blocks_[place.block - 1]->pieces.size() - 1};
}

std::optional<std::uint64_t> Pieces::seen_in_block(Place place, const Context& context) const {
  const Sums& sums = blocks_[place.block]->sums;
  if (place.at > 0 || sums.special > 0) return std::nullopt;
  const auto is_seen = [&](const Dot& dot) { return context.covers(dot); };
  std::uint64_t elements = 0;
  for (const Sums::OfMaker& of : sums.makers) {
    if (!is_seen({of.maker, of.first})) continue;
    const bool is_all_seen =
        is_seen({of.maker, of.newest}) && std::ranges::all_of(of.removals.entries(), is_seen);
    if (!is_all_seen) return std::nullopt;
    elements += of.visible;
  }
  return elements;
}

bool Pieces::all_exceed_in_block(Place place, const Stamp& stamp) const {
  const Sums& sums = blocks_[place.block]->sums;
  return place.at == 0 && sums.stable == 0 && sums.least > stamp;
}

bool Pieces::covered_by(const Context& context) const {
  return std::ranges::all_of(newest_.entries(),
                             [&](const Dot& dot) { return context.covers(dot); });
}

// Who has all sees what is visible.
Pieces::Place Pieces::first_seen(const Context& context) const {
  if (hidden_first_ == 0 || has_special() || !covered_by(context)) return first();
  return {hidden_first_, 0};
}

Pieces::Place Pieces::last_seen(const Context& context) const {
  if (hidden_last_ == 0 || has_special() || !covered_by(context)) return last();
  return {blocks_.size() - hidden_last_, 0};
}

void Pieces::may_show(std::size_t block) {
  hidden_first_ = std::min(hidden_first_, block);
  hidden_last_ = std::min(hidden_last_, blocks_.size() - 1 - block);
}

Pieces::Block& Pieces::make(std::size_t block) {
  blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(block), std::make_unique<Block>());
  may_show(block);
  return *blocks_[block];
}

Pieces::Place Pieces::insert(Place place, Piece piece) {
  ++size_;
  visible_ += piece.shown();
  if (piece.is_special()) ++special_;
  place = with_room(place);
  may_show(place.block);
  newest_.advance(piece.stamp.dot);
  for (const Dot& removal : piece.removals) newest_.advance(removal);
  Block& block = *blocks_[place.block];
  block.sums.add(piece);
  block.pieces.insert(block.pieces.begin() + static_cast<std::ptrdiff_t>(place.at),
                      std::move(piece));
  return place;
}

// The same place, in a block that is not full.
Pieces::Place Pieces::with_room(Place place) {
  if (blocks_.empty()) return make(0), Place{};
  if (place.at == 0 && place.block > 0) {
    --place.block;
    place.at = blocks_[place.block]->pieces.size();
  }
  const std::size_t size = blocks_[place.block]->pieces.size();
  if (size < (place.at == 0 ? kHeadBlockPieces : kBlockPieces)) return place;
  if (place.at == 0) return make(0), Place{};
  if (place.at == size) return make(place.block + 1), next_block(place);
  Block& rest = make(place.block + 1);
  Block& whole = *blocks_[place.block];
  const auto middle = whole.pieces.begin() + static_cast<std::ptrdiff_t>(size / 2);
  rest.pieces.assign(std::move_iterator(middle), std::move_iterator(whole.pieces.end()));
  whole.pieces.erase(middle, whole.pieces.end());
  whole.sum();
  rest.sum();
  if (place.at <= size / 2) return place;
  return {place.block + 1, place.at - size / 2};
}

Pieces::Place Pieces::split(Place place, std::uint64_t count) {
  Block& block = *blocks_[place.block];
  Piece& whole = block.pieces[place.at];
  CHECK(count > 0 && count < whole.count);
  Piece rest = whole;
  rest.count = whole.count - count;
  if (whole.is_visible()) {
    block.sums.hide(whole, rest.count);
    visible_ -= rest.count;
  }
  whole.count = count;
  if (!whole.values.empty()) {
    const auto cut = static_cast<std::ptrdiff_t>(count);
    rest.values.assign(whole.values.begin() + cut, whole.values.end());
    whole.values.resize(count);
  }
  return insert({place.block, place.at + 1}, std::move(rest));
}

void Pieces::remove(Place place, const Dot& by) {
  Block& block = *blocks_[place.block];
  Piece& piece = block.pieces[place.at];
  block.sums.hide(piece, piece.shown());
  visible_ -= piece.shown();
  block.sums.of(piece).removals.advance(by);
  newest_.advance(by);
  piece.removals.push_back(by);
  piece.values = {};
  const auto is_hidden = [this](std::size_t at) { return blocks_[at]->sums.visible == 0; };
  while (hidden_first_ < blocks_.size() && is_hidden(hidden_first_)) ++hidden_first_;
  while (hidden_last_ < blocks_.size() && is_hidden(blocks_.size() - 1 - hidden_last_))
    ++hidden_last_;
}

std::vector<Piece> Pieces::take() {
  std::vector<Piece> all;
  all.reserve(size_);
  for (auto& block : blocks_) std::ranges::move(block->pieces, std::back_inserter(all));
  *this = {};
  return all;
}

void Pieces::replace(std::vector<Piece> pieces) {
  *this = {};
  for (Piece& piece : pieces) push_back(std::move(piece));
}

}  // namespace sluice::crdt
