// What becomes of each write command of Redis: one row per command, the whole of what regions share.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace sluice::module {

enum class Handling : std::uint8_t {
  kEvent,      // runs as it is; its keyspace events and the value say what it did
  kArguments,  // as kEvent, but its arguments are needed too
  kReplaced,   // runs inside a module command, which sees what the events do not tell
  kSometimes,  // as kReplaced for some arguments (see must_replace), else as kArguments
  kLocal,      // changes nothing that regions share
  kRefused,    // regions cannot agree on what it does
};

// `name` is in lower case, a subcommand behind a "|"; `arity` as in COMMAND INFO (negative: at least).
struct CommandRule {
  std::string_view name;
  Handling handling;
  int arity;
  std::string_view flags = {};  // of the module command that replaces it
  int first_key = 0, last_key = 0, key_step = 0;
};

std::span<const CommandRule> command_rules();

// Which first letters the names of each length have, MULTI's with them: tells most reading commands at a glance.
inline constexpr std::size_t kNameBytesMax = 24;
using FirstLetters = std::array<std::uint32_t, kNameBytesMax + 2>;
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
extern __attribute__((visibility("hidden"))) FirstLetters first_letters;
inline bool may_have_rule(std::string_view name) {
  const std::size_t size = std::min(name.size(), kNameBytesMax + 1);
  return (first_letters[size] >> (static_cast<unsigned char>(*name.data()) & 31U) & 1U) != 0;
}

// Of a command without a row that is to be looked at all the same.
void look_for(std::string_view name);

// By the first word of a command, whatever its case; null for commands that write nothing.
const CommandRule* find_rule(std::string_view name);

// Its subcommands are commands.
inline bool is_container(const CommandRule& rule) {
  return rule.name == "function" || rule.name == "config" || rule.name == "debug" ||
         rule.name == "cluster";
}

// Why a refused command is refused.
std::string_view refusal(std::string_view name);

inline bool has_arity(const CommandRule& rule, std::size_t words) {
  return rule.arity > 0 ? words == static_cast<std::size_t>(rule.arity)
                        : words >= static_cast<std::size_t>(-rule.arity);
}

// For kSometimes.
bool must_replace(const CommandRule& rule, std::span<const std::string_view> words);

// Case-insensitive, ASCII.
inline bool is_word(std::string_view given, std::string_view lower) {
  if (given.size() != lower.size()) return false;
  if (given == lower) return true;
  for (std::size_t at = 0; at < given.size(); ++at) {
    const char c = given[at];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[at]) return false;
  }
  return true;
}

}  // namespace sluice::module
