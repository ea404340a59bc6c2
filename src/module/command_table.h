// What becomes of each write command of Redis: one row per command, the whole of what regions share.
#pragma once

#include <cstdint>
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

// By the first word of a command, whatever its case; null for commands that write nothing.
const CommandRule* find_rule(std::string_view name);

// Why a refused command is refused.
std::string_view refusal(std::string_view name);

bool has_arity(const CommandRule& rule, std::size_t words);

// For kSometimes.
bool must_replace(const CommandRule& rule, std::span<const std::string_view> words);

// Case-insensitive, ASCII.
bool is_word(std::string_view given, std::string_view lower);

}  // namespace sluice::module
