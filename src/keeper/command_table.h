// Every command a keeper knows: one row each, searched by name.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "keeper/call.h"

namespace sluice::keeper {

enum CommandFlags : std::uint8_t {
  kPlain = 0,
  kNoAuth = 1,      // before AUTH
  kNoMulti = 2,     // refused inside MULTI
  kSubscribed = 4,  // a RESP2 connection with subscriptions may call it
  kImmediate = 8,   // runs inside MULTI instead of being queued
  kContainer = 16,  // its first argument names a subcommand, a row called "name|subcommand"
};

// As Redis counts: arguments with the name; a negative arity is a minimum.
struct Command {
  std::string_view name;
  int arity;
  std::uint8_t flags;
  void (*run)(Call& call);  // null for a container that does nothing by itself
};

std::span<const Command> commands();
const Command* find_command(std::string_view lower_case_name);
bool accepts(const Command& command, std::size_t arguments);

// The commands of Redis 7.0 that need a keyspace. A keeper has none and answers them with an error.
struct KeyspaceCommand {
  std::string_view name;
  int arity;
  bool writes;
};
const KeyspaceCommand* find_keyspace_command(std::string_view lower_case_name);

}  // namespace sluice::keeper
