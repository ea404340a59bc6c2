// A sequence in blocks against the same rules on one plain vector.
#include <algorithm>
#include <gtest/gtest.h>
#include <iterator>
#include <rapidcheck/gtest.h>
#include <tuple>
#include <utility>
#include <vector>

#include "crdt/sequence.h"

namespace sluice::crdt {
namespace {

class PlainSequence {
 public:
  explicit PlainSequence(std::uint64_t length) {
    if (length > 0) pieces_.push_back({.count = length});
  }

  std::uint64_t seen(const Context& context) const {
    std::uint64_t count = 0;
    for (const Piece& piece : pieces_) count += is_in_view(piece, context) ? piece.count : 0;
    return count;
  }

  std::uint64_t insert(const Context& context, std::int64_t at, Piece piece) {
    auto place = at >= 0 ? after(context, static_cast<std::uint64_t>(at))
                         : before_last(context, static_cast<std::uint64_t>(-(at + 1)));
    while (place < pieces_.size() && !pieces_[place].is_stable() &&
           pieces_[place].stamp > piece.stamp)
      ++place;
    const auto visible = visible_before(place);
    pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(place), std::move(piece));
    return visible;
  }

  // From the first to the last, each by its place while all are there.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> remove(const Context& context,
                                                              std::int64_t at, std::uint64_t count,
                                                              const Dot& by) {
    auto place = at >= 0 ? after(context, static_cast<std::uint64_t>(at))
                         : before_last(context, static_cast<std::uint64_t>(-at));
    std::vector<std::pair<std::uint64_t, std::uint64_t>> gone;
    std::vector<std::size_t> removed;
    for (; count > 0 && place < pieces_.size(); ++place) {
      if (!is_in_view(pieces_[place], context)) continue;
      split(place, count);
      count -= pieces_[place].count;
      if (pieces_[place].is_visible())
        gone.emplace_back(visible_before(place), pieces_[place].count);
      removed.push_back(place);
    }
    for (const auto each : removed) pieces_[each].removals.push_back(by);
    return gone;
  }

  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  static bool is_in_view(const Piece& piece, const Context& context) {
    const auto is_seen = [&](const Dot& dot) { return context.covers(dot); };
    return (piece.is_stable() || is_seen(piece.stamp.dot)) &&
           std::ranges::none_of(piece.removals, is_seen);
  }
  std::uint64_t visible_before(std::size_t place) const {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < place; ++i) count += pieces_[i].shown();
    return count;
  }
  void split(std::size_t place, std::uint64_t count) {
    if (count == 0 || count >= pieces_[place].count) return;
    Piece rest = pieces_[place];
    rest.count -= count;
    pieces_[place].count = count;
    pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(place) + 1, std::move(rest));
  }
  std::size_t after(const Context& context, std::uint64_t elements) {
    std::size_t place = 0;
    for (; elements > 0 && place < pieces_.size(); ++place) {
      if (!is_in_view(pieces_[place], context)) continue;
      split(place, elements);
      elements -= pieces_[place].count;
    }
    return place;
  }
  std::size_t before_last(const Context& context, std::uint64_t elements) {
    std::size_t place = pieces_.size();
    for (; place > 0; --place) {
      const Piece& left = pieces_[place - 1];
      if (!is_in_view(left, context)) continue;
      if (left.count > elements) {
        if (elements == 0) return place;
        split(place - 1, left.count - elements);
        return place;
      }
      elements -= left.count;
    }
    return place;
  }

  std::vector<Piece> pieces_;
};

std::vector<std::tuple<Stamp, std::uint64_t, std::vector<Dot>>> told(const auto& pieces) {
  std::vector<std::tuple<Stamp, std::uint64_t, std::vector<Dot>>> all;
  all.reserve(pieces.size());
  for (const Piece& piece : pieces) all.emplace_back(piece.stamp, piece.count, piece.removals);
  return all;
}

// Four actors; each op saw a random part of what each of them did before.
class Makers {
 public:
  Dot made() {
    const Actor actor{static_cast<RegionId>(*rc::gen::inRange(1, 5)), 1};
    return all_.next(actor);
  }
  VersionVector seen_by(const Dot& dot) const {
    VersionVector seen;
    for (const Dot& last : all_.entries()) {
      if (last.actor == dot.actor) continue;
      const auto lag = *rc::gen::element<Seq>(0, 0, 1, 7, 100, 100'000);
      if (last.seq > lag) seen.advance({last.actor, last.seq - lag});
    }
    return seen;
  }

 private:
  VersionVector all_;
};

RC_GTEST_PROP(Sequence, StandsInBlocksAsItWouldInOneVector, ()) {
  const auto length = *rc::gen::inRange<std::uint64_t>(0, 5);
  Sequence sequence(length);
  PlainSequence plain(length);
  Makers makers;
  const auto steps = *rc::gen::element(20, 200, 900);
  const auto pushes = *rc::gen::inRange(3, 10);  // of ten
  for (std::uint64_t step = 1; step <= static_cast<std::uint64_t>(steps); ++step) {
    const Dot dot = makers.made();
    const auto others = makers.seen_by(dot);
    const Context context(others, {dot.actor, dot.seq - 1});
    const auto seen = plain.seen(context);
    const Sequence::View view{context, seen};
    auto at = static_cast<std::int64_t>(*rc::gen::element<std::uint64_t>(0, 0, seen / 2, seen));
    if (*rc::gen::arbitrary<bool>()) at = -at - 1;
    if (*rc::gen::inRange(0, 10) < pushes) {
      // Mostly in the order of their making, as clocks have it.
      const auto hlc = *rc::gen::element(step, step, step / 2);
      const Piece piece{.stamp = {Hlc{hlc}, dot}, .count = *rc::gen::inRange<std::uint64_t>(1, 4)};
      RC_ASSERT(sequence.insert(view, at, piece) == plain.insert(context, at, piece));
    } else if (seen > 0) {
      at = std::clamp(at, -static_cast<std::int64_t>(seen), static_cast<std::int64_t>(seen) - 1);
      const auto count = *rc::gen::element<std::uint64_t>(1, 1, 2, 50);
      const auto wanted = plain.remove(context, at, count, dot);
      std::vector<std::pair<std::uint64_t, std::uint64_t>> gone;
      for (const auto& range : sequence.remove(view, at, count, dot))
        gone.emplace_back(range.at, range.count);
      std::ranges::reverse(gone);
      RC_ASSERT(gone == wanted);
    }
  }
  RC_ASSERT(told(sequence.pieces()) == told(plain.pieces()));
  RC_ASSERT(sequence.visible() == plain.seen(Context::everything()));
}

}  // namespace
}  // namespace sluice::crdt
