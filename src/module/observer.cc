#include "module/observer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <unordered_set>
#include <utility>

#include "module/observer_step.h"

namespace sluice::module {

using crdt::Field;

namespace {

// The last pair of each name wins; pairs in the order of their last appearance.
std::vector<Field> last_fields(Words pairs) {
  std::vector<Field> fields;
  std::unordered_set<std::string_view> seen;
  const bool is_single = pairs.size() == 2;
  for (std::size_t i = pairs.size() / 2; i-- > 0;) {
    if (!is_single && !seen.insert(pairs[2 * i]).second) continue;
    fields.push_back({std::string(pairs[2 * i]), std::string(pairs[2 * i + 1])});
  }
  return fields;
}

std::vector<std::string> distinct(Words words) {
  std::vector<std::string> found;
  found.reserve(words.size());
  if (words.size() == 1) {
    found.emplace_back(words[0]);
    return found;
  }
  std::unordered_set<std::string_view> seen;
  for (const auto word : words) {
    if (seen.insert(word).second) found.emplace_back(word);
  }
  return found;
}

// MSETEX numkeys key value [key value ...] [option ...]
bool is_msetex(Words words) {
  return words.size() > 3 && is_word(words[0], "msetex");
}

// The pairs of MSET, MSETNX and MSETEX.
Words pairs_of(Words words) {
  if (!is_msetex(words)) return words.subspan(1);
  const auto keys =
      static_cast<std::size_t>(std::max<std::int64_t>(integer(words[1]).value_or(0), 0));
  return words.subspan(2, std::min(2 * keys, words.size() - 2));
}

// Of SET and MSETEX.
Words options_of(Words words) {
  if (is_msetex(words)) return words.subspan(2 + pairs_of(words).size());
  return words.size() > 3 && is_word(words[0], "set") ? words.subspan(3) : Words();
}

// IFEQ, and what newer servers have of the kind: the word behind it is a value, whatever it looks like.
bool is_comparison(std::string_view option) {
  return option.size() >= 4 && is_word(option.substr(0, 2), "if");
}

template <typename Predicate>
bool has_option(Words options, const Predicate& is_wanted) {
  for (std::size_t at = 0; at < options.size(); ++at) {
    if (is_wanted(options[at])) return true;
    if (is_comparison(options[at])) ++at;
  }
  return false;
}

bool has_deadline_option(Words words) {
  if (is_word(words[0], "setex") || is_word(words[0], "psetex")) return true;
  return !is_msetex(words) && has_option(options_of(words), [](std::string_view word) {
    return is_word(word, "ex") || is_word(word, "px") || is_word(word, "exat") ||
           is_word(word, "pxat");
  });
}

bool keeps_deadline(Words words) {
  return has_option(options_of(words), [](auto word) { return is_word(word, "keepttl"); });
}

// The value that SET and its kin gave to `key`.
std::optional<std::string_view> written_value(Words words, std::string_view key) {
  if (words.size() < 3) return std::nullopt;
  if (is_word(words[0], "set") || is_word(words[0], "setnx") || is_word(words[0], "getset")) {
    return words[2];
  }
  if (is_word(words[0], "setex") || is_word(words[0], "psetex")) {
    return words.size() == 4 ? std::optional(words[3]) : std::nullopt;
  }
  if (is_word(words[0], "mset") || is_word(words[0], "msetnx") || is_msetex(words)) {
    const Words pairs = pairs_of(words);
    for (std::size_t i = pairs.size() / 2; i-- > 0;) {
      if (pairs[2 * i] == key) return pairs[2 * i + 1];
    }
  }
  return std::nullopt;
}

// INCR, DECR, INCRBY, DECRBY: no other command raises the event and has its words kept.
bool is_decrement(Words words) {
  return !words[0].empty() && (words[0].front() | 0x20) == 'd';
}
std::optional<std::int64_t> increment_of(Words words) {
  if (words.size() == 2) return is_decrement(words) ? -1 : 1;
  if (words.size() != 3) return std::nullopt;
  const auto by = integer(words[2]);
  if (by && is_decrement(words)) return -*by;
  return by;
}

Words members_of(Words words) {
  return words.subspan(is_word(words[0], "smove") ? 3 : 2);
}

// --- the commonest forms of the commonest commands

bool one_set(Words words, crdt::OneWrite& one) {
  constexpr std::size_t kOfSet = 3;  // no other command that raises the event has so short a name
  if (words.size() != 3 || words[0].size() != kOfSet) return false;
  one.kind = crdt::OneKind::kString;
  one.value = words[2];
  one.number = crdt::kNoDeadline;
  return true;
}

[[gnu::noinline]] bool one_increment_by(Words words, crdt::OneWrite& one) {
  const auto by = increment_of(words);
  one.number = static_cast<std::uint64_t>(by.value_or(0));
  return by.has_value();
}

bool one_increment(Words words, crdt::OneWrite& one) {
  one.kind = crdt::OneKind::kIncrement;
  if (words.size() != 2) return one_increment_by(words, one);
  one.number = is_decrement(words) ? UINT64_MAX : 1;
  return true;
}

bool one_hset(Words words, crdt::OneWrite& one) {
  if (words.size() != 4) return false;
  one.kind = crdt::OneKind::kField;
  one.name = words[2];
  one.value = words[3];
  return true;
}

bool one_sadd(Words words, crdt::OneWrite& one) {
  if (words.size() != 3) return false;
  one.kind = crdt::OneKind::kMember;
  one.name = words[2];
  return true;
}

bool one_zadd(Words words, crdt::OneWrite& one) {
  const auto score = words.size() == 4 ? number(words[2]) : std::nullopt;
  one.kind = crdt::OneKind::kScore;
  if (score) one.number = std::bit_cast<std::uint64_t>(*score);
  if (score) one.name = words[3];
  return score.has_value();
}

}  // namespace

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec == std::errc() && read.ptr == end) return value;
  // What only strtod reads, as Redis does: +1, 0x10, 1e999.
  const std::string terminated(text);
  char* stop = nullptr;
  value = std::strtod(terminated.c_str(), &stop);
  if (text.empty() || stop != terminated.c_str() + terminated.size()) return std::nullopt;
  return value;
}

// Whatever has no rule here writes a whole value: rename_to, move_to, copy_to, restore, the *STORE family,
// and what a newer server may add.
const Observer::Rule Observer::kRules[] = {
    {"set", &Observer::set, one_set},
    {"expire", &Observer::expire},
    {"del", &Observer::remove_key},
    {"hset", &Observer::hset, one_hset},
    {"sadd", &Observer::sadd, one_sadd},
    {"zadd", &Observer::zadd, one_zadd},
    {"incrby", &Observer::increment, one_increment},
    {"lpush", &Observer::push_head},
    {"rpush", &Observer::push_tail},
    {"lpop", &Observer::pop_head},
    {"rpop", &Observer::pop_tail},
    {"hdel", &Observer::hdel},
    {"srem", &Observer::srem},
    {"zrem", &Observer::zrem},
    {"zincr", &Observer::zincr},
    {"hincrby", &Observer::hincrby},
    {"expired", &Observer::expired},
    {"evicted", &Observer::remove_key},
    {"persist", &Observer::persist},
    {"append", &Observer::change},
    {"setrange", &Observer::change},
    {"setbit", &Observer::change},
    {"incrbyfloat", &Observer::increment_float},
    {"hincrbyfloat", &Observer::hincrbyfloat},
    {"pfadd", &Observer::pfadd},
    {"lset", &Observer::lset},
    {"linsert", &Observer::linsert},
    {"xadd", &Observer::xadd},
    {"xdel", &Observer::xdel},
    {"rename_from", &Observer::remove_key},
    {"move_from", &Observer::remove_key},
    {"xsetid", &Observer::ignore},
    {"xgroup-create", &Observer::xgroup_create},
    {"xgroup-createconsumer", &Observer::ignore},
    {"xgroup-setid", &Observer::ignore},
    {"xgroup-destroy", &Observer::ignore},
    {"xgroup-delconsumer", &Observer::ignore},
};

const Observer::Rule* Observer::find_rule(const char* event) {
  const auto* rule =
      std::ranges::find(kRules, std::string_view(event), [](const Rule& one) { return one.event; });
  return rule == std::end(kRules) ? nullptr : rule;
}

const Observer::Rule* Observer::rule_of(const char* event) {
  Cached& cached = cached_[place_of(event)];
  if (cached.event == event) return cached.rule;
  const Rule* const rule = find_rule(event);
  if (stays_ != nullptr && stays_(event))
    cached = {event, rule, rule == nullptr ? nullptr : rule->derive_one};
  return rule;
}

Observer::DeriveOne Observer::one_of(const char* event) {
  const Rule* const rule = rule_of(event);
  return rule == nullptr ? nullptr : rule->derive_one;
}

void Observer::observe(const Write& write, ObservedKeyspace& keyspace, Ops& ops) {
  const Step step{write.key, write.words, write.creates, keyspace, ops};
  const Rule* rule = rule_of(write.event);
  const bool is_derived = rule != nullptr && (this->*rule->derive)(step);
  if (is_derived) return;
  whole_value(write.key, keyspace, ops);
  if (keyspace.type(write.key) == crdt::ValueType::kList) {
    remember_length(write.key, keyspace.list_length(write.key));
  }
}

// --- keys ------------------------------------------------------------------------------------------

bool Observer::ignore(const Step& /*step*/) {
  return true;
}

// The stream has the DEL of a key that a command finds expired before the command itself, wherever that stands among its keys. So
// that is how it is told: a replica, which sees only the stream, has to note the same ops in the same order.
void Observer::expire_other_keys(const Step& step) {
  const Words words = step.words;
  if (words.size() < 3) return;
  const bool is_removal = is_word(words[0], "del") || is_word(words[0], "unlink");
  if (!is_removal && !is_word(words[0], "mset") && !is_msetex(words)) return;
  const Words keys = is_removal ? words.subspan(1) : pairs_of(words);
  for (std::size_t at = 0; at < keys.size(); at += is_removal ? 1 : 2) {
    if (keys[at] == step.key.name) continue;
    const crdt::KeyName other{step.key.db, std::string(keys[at])};
    if (!step.keyspace.expire_now(other)) continue;
    step.ops.push_back({.key = other, .effect = crdt::RemoveKey{.expired = true}});
  }
}

namespace {

// A "del" that they raise comes behind the removal of the last element.
bool was_emptied(Words words) {
  constexpr std::array<std::string_view, 4> kRemovals{"srem", "smove", "hdel", "zrem"};
  return !words.empty() && std::ranges::any_of(kRemovals, [&](std::string_view name) {
    return is_word(words[0], name);
  });
}

}  // namespace

bool Observer::remove_key(const Step& step) {
  expire_other_keys(step);
  if (!lengths_.empty()) remember_length(step.key, 0);
  step.add(crdt::RemoveKey{});
  step.ops.back().creates = was_emptied(step.words);
  return true;
}

bool Observer::expired(const Step& step) {
  return step.add(crdt::RemoveKey{.expired = true});
}

bool Observer::persist(const Step& step) {
  return step.add(crdt::SetDeadline{crdt::kNoDeadline});
}

bool Observer::expire(const Step& step) {
  const auto deadline = step.keyspace.deadline(step.key);
  if (!std::exchange(awaits_expire_, false)) return step.add(crdt::SetDeadline{deadline});
  const auto value = written_value(step.words, step.key.name);
  const Step joined{step.key, step.words, awaiting_creates_, step.keyspace, step.ops};
  return joined.add(
      crdt::WriteString{value ? std::string(*value) : step.keyspace.string(step.key), deadline});
}

// --- strings ---------------------------------------------------------------------------------------

bool Observer::set(const Step& step) {
  const Words words = step.words;
  if (words.size() == 3 && is_word(words[0], "set")) {
    return step.add(crdt::WriteString{std::string(words[2]), crdt::kNoDeadline});
  }
  expire_other_keys(step);
  if (!words.empty() && has_deadline_option(words)) {
    awaits_expire_ = true;
    awaiting_creates_ = step.created;
    return true;
  }
  const auto known = written_value(words, step.key.name);
  std::string value = known ? std::string(*known) : step.keyspace.string(step.key);
  if (!words.empty() && keeps_deadline(words))
    return step.add(crdt::ChangeString{std::move(value)});
  // MSETEX sets the deadline first; one that has passed removes the key only when somebody looks.
  const bool has_no_deadline = known && !is_msetex(words);
  return step.add(crdt::WriteString{
      std::move(value), has_no_deadline ? crdt::kNoDeadline : step.keyspace.deadline(step.key)});
}

bool Observer::change(const Step& step) {
  return step.add(crdt::ChangeString{step.keyspace.string(step.key)});
}

bool Observer::increment(const Step& step) {
  const auto by = increment_of(step.words);
  return by ? step.add(crdt::Increment{*by}) : change(step);
}

bool Observer::increment_float(const Step& step) {
  return step.words.size() == 3 ? step.add(crdt::IncrementFloat{std::string(step.words[2]), {}})
                                : change(step);
}

bool Observer::pfadd(const Step& step) {
  if (step.words.size() >= 2 && is_word(step.words[0], "pfadd")) {
    return step.add(crdt::AddToHll{{step.words.begin() + 2, step.words.end()}});
  }
  return step.add(crdt::MergeHll{step.keyspace.string(step.key)});
}

// --- hashes and sets -------------------------------------------------------------------------------

bool Observer::hset(const Step& step) {
  return step.words.size() >= 4 && step.add(crdt::WriteFields{last_fields(step.words.subspan(2))});
}

bool Observer::hincrby(const Step& step) {
  const auto by = step.words.size() == 4 ? integer(step.words[3]) : std::nullopt;
  return by && step.add(crdt::IncrementField{std::string(step.words[2]), *by});
}

bool Observer::hincrbyfloat(const Step& step) {
  return step.words.size() == 4 && step.add(crdt::IncrementFieldFloat{
                                       std::string(step.words[2]), std::string(step.words[3]), {}});
}

bool Observer::hdel(const Step& step) {
  return step.words.size() >= 3 && step.add(crdt::RemoveFields{distinct(step.words.subspan(2))});
}

bool Observer::sadd(const Step& step) {
  return step.words.size() >= 3 && step.add(crdt::AddMembers{distinct(members_of(step.words))});
}

bool Observer::srem(const Step& step) {
  return step.words.size() >= 3 && step.add(crdt::RemoveMembers{distinct(members_of(step.words))});
}

// --- streams ---------------------------------------------------------------------------------------

// Only an entry with an explicit id and no trimming comes here (see xadd in command_table.cc).
bool Observer::xadd(const Step& step) {
  const Words words = step.words;
  std::size_t at = words.size() > 2 && is_word(words[2], "nomkstream") ? 3 : 2;
  const auto id = at < words.size() ? stream_id(words[at]) : std::nullopt;
  if (!id || (words.size() - at) % 2 == 0) return false;
  crdt::AddEntry entry{.id = *id, .fields = {}};
  for (++at; at + 1 < words.size(); at += 2) {
    entry.fields.push_back({std::string(words[at]), std::string(words[at + 1])});
  }
  return step.add(std::move(entry));
}

bool Observer::xdel(const Step& step) {
  if (step.words.size() < 3) return false;
  crdt::RemoveEntries removed;
  for (const auto word : step.words.subspan(2)) {
    if (const auto id = stream_id(word)) removed.ids.push_back(*id);
  }
  return step.add(std::move(removed));
}

// The group is this region's own, but with MKSTREAM a key has come to be.
bool Observer::xgroup_create(const Step& step) {
  if (step.created) add_empty_stream([&](crdt::Effect effect) { step.add(std::move(effect)); });
  return true;
}

std::optional<crdt::StreamId> stream_id(std::string_view text) {
  crdt::StreamId id;
  const auto dash = text.find('-');
  const auto read = [](std::string_view digits, std::uint64_t& value) {
    const char* end = digits.data() + digits.size();
    const auto got = std::from_chars(digits.data(), end, value);
    return got.ec == std::errc() && got.ptr == end;
  };
  if (!read(text.substr(0, dash), id.ms)) return std::nullopt;
  if (dash != std::string_view::npos && !read(text.substr(dash + 1), id.seq)) return std::nullopt;
  return id;
}

}  // namespace sluice::module
