#include "module/command_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <type_traits>

namespace sluice::module {

namespace {

using enum Handling;

// Every command of Redis 7.0's category @write and those that Redis 8 and Valkey 9 add, and those outside of it that this module has to do
// with. Tests hold it to COMMAND LIST and to
// docs/conflict-rules-commands.md.
constexpr CommandRule kRules[] = {
    // --- keys
    {"del", kArguments, -2},
    {"unlink", kArguments, -2},
    {"expire", kEvent, -3},
    {"expireat", kEvent, -3},
    {"pexpire", kEvent, -3},
    {"pexpireat", kEvent, -3},
    {"persist", kEvent, 2},
    {"rename", kEvent, 3},
    {"renamenx", kEvent, 3},
    {"copy", kEvent, -3},
    {"move", kEvent, 3},
    {"restore", kEvent, -4},
    {"restore-asking", kEvent, -4},
    {"sort", kEvent, -2},
    {"flushdb", kReplaced, -1, "write"},
    {"flushall", kReplaced, -1, "write"},
    {"swapdb", kRefused, 3},
    {"migrate", kRefused, -6},
    // --- strings
    {"set", kArguments, -3},
    {"setnx", kArguments, 3},
    {"setex", kArguments, 4},
    {"psetex", kArguments, 4},
    {"getset", kArguments, 3},
    {"mset", kArguments, -3},
    {"msetnx", kArguments, -3},
    {"msetex", kArguments, -4},
    {"getdel", kEvent, 2},
    {"delifeq", kEvent, 3},
    {"getex", kEvent, -2},
    {"append", kEvent, 3},
    {"setrange", kEvent, 4},
    {"setbit", kEvent, 4},
    {"bitfield", kSometimes, -2, "write deny-oom", 1, 1, 1},
    {"bitop", kEvent, -4},
    {"incr", kArguments, 2},
    {"decr", kArguments, 2},
    {"incrby", kArguments, 3},
    {"decrby", kArguments, 3},
    {"incrbyfloat", kReplaced, 3, "write deny-oom fast", 1, 1, 1},
    {"pfadd", kArguments, -2},
    {"pfmerge", kEvent, -2},
    {"pfdebug", kRefused, 3},
    // --- hashes
    {"hset", kArguments, -4},
    {"hmset", kArguments, -4},
    {"hsetnx", kArguments, 4},
    {"hincrby", kArguments, 4},
    {"hincrbyfloat", kReplaced, 4, "write deny-oom fast", 1, 1, 1},
    {"hdel", kArguments, -3},
    {"hgetdel", kEvent, -5},
    {"hexpire", kRefused, -6},
    {"hexpireat", kRefused, -6},
    {"hpexpire", kRefused, -6},
    {"hpexpireat", kRefused, -6},
    {"hpersist", kRefused, -5},
    {"hsetex", kRefused, -6},
    {"hgetex", kRefused, -5},
    // --- sets
    {"sadd", kArguments, -3},
    {"srem", kArguments, -3},
    {"smove", kArguments, 4},
    {"spop", kReplaced, -2, "write fast", 1, 1, 1},
    {"sinterstore", kEvent, -3},
    {"sunionstore", kEvent, -3},
    {"sdiffstore", kEvent, -3},
    // --- sorted sets
    {"zadd", kArguments, -4},
    {"zincrby", kArguments, 4},
    {"zrem", kArguments, -3},
    {"geoadd", kArguments, -5},
    {"zpopmin", kReplaced, -2, "write fast", 1, 1, 1},
    {"zpopmax", kReplaced, -2, "write fast", 1, 1, 1},
    {"zmpop", kReplaced, -4, "write getkeys-api"},
    {"bzpopmin", kReplaced, -3, "write fast deny-script blocking", 1, -2, 1},
    {"bzpopmax", kReplaced, -3, "write fast deny-script blocking", 1, -2, 1},
    {"bzmpop", kReplaced, -5, "write blocking getkeys-api"},
    {"zremrangebyscore", kReplaced, 4, "write", 1, 1, 1},
    {"zremrangebyrank", kReplaced, 4, "write", 1, 1, 1},
    {"zremrangebylex", kReplaced, 4, "write", 1, 1, 1},
    {"zunionstore", kEvent, -4},
    {"zinterstore", kEvent, -4},
    {"zdiffstore", kEvent, -4},
    {"zrangestore", kEvent, -5},
    {"georadius", kEvent, -6},
    {"georadiusbymember", kEvent, -5},
    {"geosearchstore", kEvent, -8},
    // --- lists
    {"lpush", kArguments, -3},
    {"rpush", kArguments, -3},
    {"lpushx", kArguments, -3},
    {"rpushx", kArguments, -3},
    {"lpop", kArguments, -2},
    {"rpop", kArguments, -2},
    {"lmpop", kArguments, -4},
    {"blmpop", kArguments, -5},
    {"blpop", kEvent, -3},
    {"brpop", kEvent, -3},
    {"lmove", kArguments, 5},
    {"rpoplpush", kArguments, 3},
    {"blmove", kArguments, 6},
    {"brpoplpush", kArguments, 4},
    {"linsert", kArguments, 5},
    {"lset", kArguments, 4},
    {"ltrim", kReplaced, 4, "write", 1, 1, 1},
    {"lrem", kReplaced, 4, "write", 1, 1, 1},
    // --- streams
    {"xadd", kSometimes, -5, "write deny-oom fast", 1, 1, 1},
    {"xdel", kArguments, -3},
    {"xtrim", kReplaced, -4, "write", 1, 1, 1},
    {"xsetid", kLocal, -3},
    {"xack", kLocal, -4},
    {"xclaim", kLocal, -6},
    {"xautoclaim", kLocal, -6},
    {"xreadgroup", kLocal, -7},
    {"xgroup|create", kLocal, -5},
    {"xgroup|createconsumer", kLocal, 5},
    {"xgroup|delconsumer", kLocal, 5},
    {"xgroup|destroy", kLocal, 4},
    {"xgroup|setid", kLocal, -5},
    // --- functions
    {"function|load", kReplaced, -3, "write deny-oom"},
    {"function|delete", kReplaced, 3, "write"},
    {"function|flush", kReplaced, -2, "write"},
    {"function|restore", kReplaced, -3, "write deny-oom"},
    // --- slots
    {"cluster|flushslot", kRefused, -3},
    {"cluster|migrateslots", kRefused, -4},
    {"cluster|syncslots", kRefused, -3},
    // --- the server: first words only
    {"cluster", kSometimes, -2, "admin allow-stale"},
    {"function", kSometimes, -2, "write deny-script"},
    {"debug", kSometimes, -2, "write admin deny-script allow-loading allow-stale"},
    {"config", kSometimes, -2, "admin deny-script allow-loading allow-stale"},
};

constexpr std::size_t kSlots = 512;

// The first four letters, the last one and the length decide; of three letters, each.
constexpr std::size_t kLettersMax = 5;

// Case is gone, and with it the difference between some bytes that no name has.
constexpr std::uint64_t letters_of(std::string_view name) {
  std::uint64_t letters = 0;
  const auto letter = [&](std::size_t at) {
    return std::uint64_t{static_cast<unsigned char>(name[at])};
  };
  if (name.size() < 4) {
    letters = letter(0) | letter(name.size() / 2) << 8U;
  } else if (std::is_constant_evaluated()) {
    for (std::size_t at = 0; at < sizeof(std::uint32_t); ++at) letters |= letter(at) << (8 * at);
  } else {
    std::uint32_t first = 0;
    std::memcpy(&first, name.data(), sizeof first);
    letters = first;
  }
  letters |= std::uint64_t{static_cast<unsigned char>(name.back())} << 32U;
  return (letters | 0x2020202020U) ^ name.size() << 40U;
}

constexpr std::size_t slot_of(std::uint64_t letters) {
  return (letters * 0x9E3779B97F4A7C15U) >> 55U;
}
static_assert(kSlots == 1U << 9U);

struct Slot {
  std::uint64_t letters = 0;
  const CommandRule* rule = nullptr;
};
using Slots = std::array<Slot, kSlots>;

constexpr Slots fill() {
  Slots slots{};
  for (const CommandRule& rule : kRules) {
    const auto letters = letters_of(rule.name);
    std::size_t at = slot_of(letters);
    while (slots[at].rule != nullptr) at = (at + 1) % kSlots;
    slots[at] = {letters, &rule};
  }
  return slots;
}
constexpr Slots kIndex = fill();

// XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] <* | id> field value ...
bool xadd_needs_help(std::span<const std::string_view> words) {
  std::size_t at = 2;
  if (at < words.size() && is_word(words[at], "nomkstream")) ++at;
  if (at >= words.size()) return false;
  if (is_word(words[at], "maxlen") || is_word(words[at], "minid")) return true;
  return words[at].ends_with('*');
}

bool debug_is_refused(std::string_view word) {
  constexpr std::string_view kRefusedWords[] = {"flushall", "populate"};
  return std::ranges::any_of(kRefusedWords,
                             [word](std::string_view refused) { return is_word(word, refused); });
}

constexpr void add_first_letter(FirstLetters& letters, std::string_view name) {
  const std::size_t size = std::min(name.size(), kNameBytesMax + 1);
  letters[size] |= 1U << (static_cast<unsigned char>(name[0]) & 31U);
}

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
constinit FirstLetters first_letters = [] {
  FirstLetters letters{};
  for (const auto& rule : kRules) add_first_letter(letters, rule.name);
  add_first_letter(letters, "multi");
  return letters;
}();

void look_for(std::string_view name) {
  add_first_letter(first_letters, name);
}

std::span<const CommandRule> command_rules() {
  return kRules;
}

namespace {

// Apart, so that find_rule() needs no registers of its caller's.
[[gnu::noinline]] const CommandRule* search(std::string_view name, std::uint64_t letters) {
  for (std::size_t at = slot_of(letters); kIndex[at].rule != nullptr; at = (at + 1) % kSlots) {
    if (kIndex[at].letters != letters) continue;
    const CommandRule* const rule = kIndex[at].rule;
    if (name.size() <= kLettersMax || is_word(name, rule->name)) return rule;
  }
  return nullptr;
}

}  // namespace

const CommandRule* find_rule(std::string_view name) {
  if (name.empty()) return nullptr;
  const auto letters = letters_of(name);
  const Slot& first = kIndex[slot_of(letters)];
  if (first.letters == letters && name.size() <= kLettersMax) return first.rule;
  return search(name, letters);
}

bool must_replace(const CommandRule& rule, std::span<const std::string_view> words) {
  if (rule.name == "xadd") return xadd_needs_help(words);
  if (words.size() < 2) return false;
  if (rule.name == "bitfield") {
    return std::any_of(words.begin() + 2, words.end(),
                       [](std::string_view word) { return is_word(word, "fail"); });
  }
  if (rule.name == "debug") return debug_is_refused(words[1]);
  if (rule.name == "config") {
    return words.size() >= 4 && is_word(words[1], "set") &&
           std::any_of(words.begin() + 2, words.end(), [](std::string_view word) {
             return is_word(word, "maxmemory-policy") || is_word(word, "aof-use-rdb-preamble");
           });
  }
  // FUNCTION and CLUSTER; what the source of a slot says to its target begins with ESTABLISH.
  const CommandRule* subcommand = find_rule(std::string(rule.name) + "|" + std::string(words[1]));
  if (subcommand == nullptr || !has_arity(*subcommand, words.size())) return false;
  return !is_word(words[1], "syncslots") || is_word(words[2], "establish");
}

std::string_view refusal(std::string_view name) {
  if (is_word(name, "swapdb")) return "it would exchange databases in this region only";
  if (is_word(name, "migrate"))
    return "it would take keys out of this region only; use COPY or DUMP";
  if (is_word(name, "pfdebug")) return "it changes how a value is stored without telling anybody";
  if (name.starts_with('h') || name.starts_with('H')) {
    return "deadlines of single fields are not shared; EXPIRE the key";
  }
  if (is_word(name, "cluster"))
    return "it would take the keys of slots out of this region's part without telling the others";
  if (is_word(name, "debug")) return "this subcommand changes keys without telling anybody";
  return "regions cannot agree on what it does";
}

}  // namespace sluice::module
