#include "keeper/sim_truth_test.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "rdb/writer.h"

namespace sluice::keeper {

std::string to_text(const repl::Position& at) {
  return std::string(at.id.text().substr(0, 6)) + ":" + std::to_string(at.offset.bytes());
}

std::uint64_t Line::mark_at(std::uint64_t offset) const {
  const auto after = std::ranges::upper_bound(marks, offset);
  return after == marks.begin() ? begin : *std::prev(after);
}

const Line& Line::root() const {
  const auto* line = this;
  while (line->parent != nullptr) line = line->parent;
  return *line;
}

repl::ReplId Truth::make_id() {
  std::string digits;
  while (digits.size() < repl::ReplId::kLength) digits += "0123456789abcdef"[random_.below(16)];
  return *repl::ReplId::parse(digits);
}

Line& Truth::start_line(std::uint64_t keys) {
  auto line = std::make_unique<Line>();
  line->keys = keys;
  line->id = make_id();
  line->begin = random_.one_in(2) ? 0 : random_.below(1 << 20);
  line->marks.push_back(line->begin);
  const std::string key(line->id.text());
  return *lines_.emplace(key, std::move(line)).first->second;
}

Line& Truth::fork(const Line& parent, std::uint64_t at) {
  auto line = std::make_unique<Line>();
  line->id = make_id();
  line->begin = parent.begin;
  line->bytes = parent.bytes.substr(0, at - parent.begin);
  for (const auto mark : parent.marks) {
    if (mark <= at) line->marks.push_back(mark);
  }
  line->keys = parent.keys;
  line->parent = &parent;
  line->parted = at;
  const std::string key(line->id.text());
  return *lines_.emplace(key, std::move(line)).first->second;
}

const Line* Truth::find(std::string_view replid) const {
  const auto found = lines_.find(replid);
  return found == lines_.end() ? nullptr : found->second.get();
}

std::optional<std::uint64_t> Truth::shared(const Line& a, const Line& b) {
  auto limit_a = std::numeric_limits<std::uint64_t>::max();
  for (const auto* x = &a; x != nullptr; limit_a = std::min(limit_a, x->parted), x = x->parent) {
    auto limit_b = std::numeric_limits<std::uint64_t>::max();
    for (const auto* y = &b; y != nullptr; limit_b = std::min(limit_b, y->parted), y = y->parent) {
      if (x == y) return std::min(limit_a, limit_b);
    }
  }
  return std::nullopt;
}

namespace {

// Relays compress what they carry: a snapshot of one repeated byte would cross any ocean at once.
std::string incompressible(std::size_t size) {
  std::string value(size, '\0');
  for (std::size_t at = 0; at < size; ++at) {
    value[at] = static_cast<char>(sim::Random::mix(at / 8 + size) >> (8 * (at % 8)));
  }
  return value;
}

}  // namespace

const std::string& Truth::save(const Line& line) {
  rdb::Writer writer;
  writer.aux("repl-stream-db", std::to_string(line.db == ~0U ? 0 : line.db));
  writer.aux("repl-id", line.id.text());
  writer.aux("repl-offset", std::to_string(line.end()));
  writer.select(0);
  for (auto keys = line.keys; keys > 0; --keys) {
    const auto size = random_.one_in(12) ? random_.below(20'000) : random_.below(100);
    writer.set("k" + std::to_string(keys), incompressible(size));
  }
  return saved_.emplace(line.end(), Saved{&line, writer.finish()})->second.rdb;
}

void Truth::judge_snapshot(const repl::Position& at, std::string_view rdb) {
  const auto* const line = find(at.id);
  if (line == nullptr) return wrong("a snapshot of no stream there is: " + to_text(at));
  judge_passed_on(*line);
  const auto [first, last] = saved_.equal_range(at.offset.bytes());
  for (auto each = first; each != last; ++each) {
    const auto& saved = each->second;
    if (saved.rdb == rdb && shared(*saved.line, *line).value_or(0) >= each->first) return;
  }
  wrong("a snapshot that no master made, at " + to_text(at));
}

void Truth::judge_stream(const repl::Position& at, std::string_view bytes) {
  const auto* const line = find(at.id);
  if (line == nullptr) return wrong("bytes of no stream there is: " + to_text(at));
  const auto from = at.offset.bytes();
  const bool is_within = from >= line->begin && from + bytes.size() <= line->end();
  if (!is_within) return wrong("bytes that no master wrote: after " + to_text(at));
  const auto truth = std::string_view(line->bytes).substr(from - line->begin, bytes.size());
  if (truth == bytes) return;
  const auto differs = std::mismatch(truth.begin(), truth.end(), bytes.begin()).first;
  wrong("wrong bytes after " + to_text(at) + ", from byte " +
        std::to_string(differs - truth.begin()));
}

void Truth::judge_continued(const repl::Position& from, const repl::ReplId& now) {
  const auto* const before = find(from.id);
  const auto* const after = find(now);
  if (after == nullptr) return wrong("continued as no stream there is, after " + to_text(from));
  judge_passed_on(*after);
  const auto same = shared(*before, *after);
  if (!same || *same < from.offset.bytes()) {
    wrong("a replica at " + to_text(from) + " was continued as " + to_text({now, from.offset}) +
          ", which parted from it before");
  }
}

void Truth::judge_asked(const Line& of, const std::optional<repl::Position>& from,
                        std::uint64_t connection) {
  if (connection < acknowledging_) return;
  if (from) {
    const auto* const named = find(from->id);
    if (named == nullptr) return wrong("the keeper asks for no stream there is: " + to_text(*from));
    if (from->offset.bytes() > named->end() || from->offset.bytes() < named->begin) {
      return wrong("the keeper holds bytes that no master wrote, up to " + to_text(*from));
    }
  }
  for (const auto& [id, line] : lines_) {
    const auto same = shared(*line, of);
    if (!same || line->acked == 0 || line->root().is_rejected) continue;
    // Of what is in quarantine nothing is kept once its master was replaced by another's.
    const bool is_small = line->root().keys < kKeysMin;
    if (is_small && line.get() != &of && line.get() != of.parent) continue;
    const auto kept = of.mark_at(std::min({line->acked, *same, of.end()}));
    if (kept == of.begin && line->acked <= of.begin) continue;
    const auto asked = from ? to_text(*from) : std::string("everything");
    if (!from || from->offset.bytes() < kept) {
      return wrong("the keeper acknowledged " + to_text({line->id, repl::Offset{line->acked}}) +
                   " (" + std::to_string(kept) + " of this master's) and asks for " + asked);
    }
  }
}

void Truth::begin_copy(const Line& of) {
  const auto& copied = of.root();
  if (copied.keys >= kKeysMin) return;
  ++epoch_;
  for (auto& [id, line] : lines_) {
    if (&line->root() == &copied) line->acked = 0;
  }
}

void Truth::forget_acknowledgements() {
  ++epoch_;
  for (auto& [id, line] : lines_) line->acked = 0;
}

// What was acknowledged of the data set that it replaces no longer counts.
void Truth::accept_all() {
  for (auto& [id, line] : lines_) {
    if (!line->root().is_held_back) line->acked = 0;
  }
  for (auto& [id, line] : lines_) line->is_held_back = false;
}

void Truth::reject_all() {
  // Also what somebody accepted in vain before, since the disk had failed.
  for (auto& [id, line] : lines_) line->is_rejected |= line->is_held_back || line->keys < kKeysMin;
}

void Truth::judge_passed_on(const Line& line) {
  if (line.root().is_held_back) wrong("a replica is given a data set that has to be in quarantine");
}

void Truth::wrong(std::string what) {
  if (!violation_) violation_ = std::move(what);
}

}  // namespace sluice::keeper
