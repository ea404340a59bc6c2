// The parts of the observer that read scores, lists and whole values.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "module/observer_step.h"

namespace sluice::module {

using crdt::KeyName;
using crdt::ValueType;

namespace {

constexpr std::size_t kLengthsMax = 256;

bool is_zadd_option(std::string_view word) {
  return is_word(word, "nx") || is_word(word, "xx") || is_word(word, "gt") || is_word(word, "lt") ||
         is_word(word, "ch") || is_word(word, "incr");
}

// Of score and member in turn. With options some members may have been left alone: those whose score
// is not the given one.
std::vector<crdt::Score> written_scores(const KeyName& key, Words words,
                                        ObservedKeyspace& keyspace) {
  std::size_t first = 2;
  while (first < words.size() && is_zadd_option(words[first])) ++first;
  std::vector<crdt::Score> scores;
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = (words.size() - first) / 2; i-- > 0;) {
    const auto member = words[first + 2 * i + 1];
    const bool is_last = words.size() - first == 2 || seen.insert(member).second;
    if (!is_last && first == 2) continue;
    auto score = number(words[first + 2 * i]);
    if (!score || first > 2) {
      const auto present = keyspace.score(key, member);
      if (!present || (score && *score != *present)) continue;
      score = present;
    }
    scores.push_back({std::string(member), *score});
  }
  return scores;
}

// GEOADD key [NX|XX] [CH] longitude latitude member ...
std::vector<crdt::Score> geo_scores(const KeyName& key, Words words, ObservedKeyspace& keyspace) {
  std::size_t at = 2;
  while (at < words.size() && is_zadd_option(words[at])) ++at;
  std::vector<crdt::Score> scores;
  std::unordered_set<std::string_view> seen;
  for (at += 2; at < words.size(); at += 3) {
    const auto score = keyspace.score(key, words[at]);
    if (score && seen.insert(words[at]).second) scores.push_back({std::string(words[at]), *score});
  }
  return scores;
}

bool is_list_move(Words words) {
  return !words.empty() && (is_word(words[0], "lmove") || is_word(words[0], "blmove") ||
                            is_word(words[0], "rpoplpush") || is_word(words[0], "brpoplpush"));
}

bool moves_from_head(Words words) {
  return (is_word(words[0], "lmove") || is_word(words[0], "blmove")) && is_word(words[3], "left");
}

// How many elements a pop takes when there are enough.
std::uint64_t pop_count(Words words) {
  if (words.size() == 3 && (is_word(words[0], "lpop") || is_word(words[0], "rpop"))) {
    return static_cast<std::uint64_t>(integer(words[2]).value_or(1));
  }
  if (is_word(words[0], "lmpop") || is_word(words[0], "blmpop")) {
    const bool has_count = words.size() > 2 && is_word(words[words.size() - 2], "count");
    return has_count ? static_cast<std::uint64_t>(integer(words.back()).value_or(1)) : 1;
  }
  return 1;
}

bool is_pop(Words words) {
  if (words.empty()) return false;
  return is_word(words[0], "lpop") || is_word(words[0], "rpop") || is_word(words[0], "lmpop") ||
         is_word(words[0], "blmpop") || is_list_move(words);
}

}  // namespace

bool Observer::zadd(const Step& step) {
  if (step.words.size() < 4) return false;
  auto scores = is_word(step.words[0], "geoadd")
                    ? geo_scores(step.key, step.words, step.keyspace)
                    : written_scores(step.key, step.words, step.keyspace);
  if (!scores.empty()) step.add(crdt::WriteScores{std::move(scores)});
  return true;
}

bool Observer::zincr(const Step& step) {
  const Words words = step.words;
  if (words.size() < 4) return false;
  const auto by = number(words[is_word(words[0], "zincrby") ? 2 : words.size() - 2]);
  return by && step.add(crdt::IncrementScore{std::string(words.back()), *by, 0});
}

bool Observer::zrem(const Step& step) {
  return step.words.size() >= 3 &&
         step.add(crdt::RemoveScores{{step.words.begin() + 2, step.words.end()}});
}

// --- lists ---------------------------------------------------------------------------------------

bool Observer::push_head(const Step& step) {
  push(step, true);
  return true;
}

bool Observer::push_tail(const Step& step) {
  push(step, false);
  return true;
}

bool Observer::pop_head(const Step& step) {
  pop(step, true);
  return true;
}

bool Observer::pop_tail(const Step& step) {
  pop(step, false);
  return true;
}

bool Observer::lset(const Step& step) {
  const Words words = step.words;
  auto at = words.size() == 4 ? integer(words[2]) : std::nullopt;
  if (!at) return false;
  const std::uint64_t length = step.keyspace.list_length(step.key);
  if (*at < 0) *at += static_cast<std::int64_t>(length);
  step.add(crdt::RemoveElements{*at, 1, length});
  return step.add(crdt::InsertElements{*at, {std::string(words[3])}, length - 1});
}

namespace {

// The server looks for it from the head, too; it stands near it as a rule.
std::optional<std::int64_t> find_in_list(ObservedKeyspace& keyspace, const crdt::KeyName& key,
                                         std::string_view value) {
  constexpr std::uint64_t kPartFirst = 16, kPartMax = 4096;
  std::uint64_t at = 0;
  for (std::uint64_t part = kPartFirst;; part = std::min(2 * part, kPartMax)) {
    const auto list = keyspace.list_range(key, at, part);
    const auto found = std::ranges::find(list, value);
    if (found != list.end()) return static_cast<std::int64_t>(at) + (found - list.begin());
    if (list.size() < part) return std::nullopt;
    at += part;
  }
}

}  // namespace

bool Observer::linsert(const Step& step) {
  const Words words = step.words;
  if (words.size() != 5) return false;
  const auto pivot = find_in_list(step.keyspace, step.key, words[3]);
  if (!pivot) return false;
  // Before the command the first pivot stood where it stands now, or one place nearer the head: behind
  // the new element, unless that looks like it.
  std::int64_t at = *pivot;
  if (is_word(words[2], "after")) {
    ++at;
  } else if (words[3] != words[4]) {
    --at;
  }
  remember_length(step.key, step.keyspace.list_length(step.key));
  return step.add(crdt::InsertElements{at, {std::string(words[4])}});
}

void Observer::push(const Step& step, bool at_head) {
  const Words words = step.words;
  const std::uint64_t length = step.keyspace.list_length(step.key);
  crdt::InsertElements pushed{.at = at_head ? 0 : -1, .values = {}};
  if (words.empty() && known_length(step.key) == length && length > 0) {
    // A client that waited to rotate this list: it has popped already, from an end that the next event tells.
    pushed.values = step.keyspace.list_range(step.key, at_head ? 0 : length - 1, 1);
    pushed.length = length - 1;
    rotated_ = std::move(pushed);
    return;
  }
  const bool is_push = words.size() > 2 && !is_list_move(words) && words[1] == step.key.name;
  if (is_push) {
    pushed.values.assign(words.begin() + 2, words.end());
    if (at_head) std::ranges::reverse(pushed.values);
  } else {
    if (is_list_move(words) && words[1] == words[2]) {
      step.add(crdt::RemoveElements{moves_from_head(words) ? 0 : -1, 1, length});
      pushed.length = length - 1;
      skips_pop_ = true;
    }
    pushed.values = step.keyspace.list_range(step.key, at_head ? 0 : length - 1, 1);
  }
  step.add(std::move(pushed));
  remember_length(step.key, length);
}

void Observer::pop(const Step& step, bool at_head) {
  if (std::exchange(skips_pop_, false)) return;
  const std::uint64_t length = step.keyspace.list_length(step.key);
  if (auto pushed = std::exchange(rotated_, std::nullopt)) {
    step.add(crdt::RemoveElements{at_head ? 0 : -1, 1, length});
    step.add(*std::move(pushed));
    return;
  }
  if (length == 0) return;  // "del" follows
  std::uint64_t count = 1;
  if (is_pop(step.words)) {
    count = pop_count(step.words);
  } else {
    const auto known = known_length(step.key);
    if (known && *known > length) count = *known - length;
  }
  step.add(crdt::RemoveElements{at_head ? 0 : -static_cast<std::int64_t>(count), count});
  remember_length(step.key, length);
}

void Observer::forget_lengths() {
  rotated_.reset();
  lengths_.clear();
}

std::optional<std::uint64_t> Observer::known_length(const KeyName& key) const {
  for (const auto& known : lengths_) {
    if (known.key == key) return known.length;
  }
  return std::nullopt;
}

void Observer::remember_length(const KeyName& key, std::uint64_t length) {
  for (auto& known : lengths_) {
    if (known.key == key) {
      known.length = length;
      return;
    }
  }
  if (lengths_.size() == kLengthsMax) lengths_.erase(lengths_.begin());
  lengths_.push_back({key, length});
}

// --- whole values --------------------------------------------------------------------------------

void Observer::whole_value(const KeyName& key, ObservedKeyspace& keyspace, Ops& ops) {
  const auto add = [&](crdt::Effect effect) {
    ops.push_back({.key = key, .effect = std::move(effect), .creates = false});
  };
  const ValueType type = keyspace.type(key);
  const auto deadline = keyspace.deadline(key);
  if (type == ValueType::kString) {
    add(crdt::WriteString{keyspace.string(key), deadline});
    return;
  }
  add(crdt::RemoveKey{});
  const std::size_t first = ops.size();
  switch (type) {
    case ValueType::kHash: {
      crdt::WriteFields all;
      keyspace.for_each_element(key, [&](auto name, auto value) {
        all.fields.push_back({std::string(name), std::string(value)});
      });
      add(std::move(all));
      break;
    }
    case ValueType::kSet: {
      crdt::AddMembers all;
      keyspace.for_each_element(key, [&](auto member, auto) { all.members.emplace_back(member); });
      add(std::move(all));
      break;
    }
    case ValueType::kZset: {
      crdt::WriteScores all;
      keyspace.for_each_element(key, [&](auto member, auto score) {
        all.scores.push_back({std::string(member), number(score).value_or(0)});
      });
      for (auto& one : all.scores) one.score = keyspace.score(key, one.member).value_or(one.score);
      add(std::move(all));
      break;
    }
    case ValueType::kList:
      add(crdt::InsertElements{0, keyspace.list_range(key, 0, keyspace.list_length(key))});
      break;
    case ValueType::kStream:
      for (auto& entry : keyspace.entries(key, {}, UINT64_MAX)) add(std::move(entry));
      if (ops.size() == first) add_empty_stream(add);
      break;
    case ValueType::kNone:
    case ValueType::kString:
    case ValueType::kOther:
      return;
  }
  if (ops.size() == first) return;
  ops[first].creates = true;
  if (deadline != crdt::kNoDeadline) add(crdt::SetDeadline{deadline});
}

}  // namespace sluice::module
