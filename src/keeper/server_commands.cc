#include <algorithm>
#include <fmt/format.h>

#include "keeper/command_table.h"
#include "keeper/handlers.h"
#include "keeper/info.h"

namespace sluice::keeper {
namespace {

bool is_top_level(const Command& command) {
  return command.name.find('|') == std::string_view::npos;
}

// One element of COMMAND's answer: no keys, no categories, no subcommands.
void describe(Reply& reply, const Command& command) {
  reply.array(10);
  reply.bulk(command.name);
  reply.integer(command.arity);
  const bool no_auth = (command.flags & kNoAuth) != 0;
  const bool no_multi = (command.flags & kNoMulti) != 0;
  reply.set((no_auth ? 1U : 0U) + (no_multi ? 1U : 0U) + 1U);
  if (no_auth) reply.simple("no_auth");
  if (no_multi) reply.simple("no_multi");
  reply.simple("stale");
  for (int key_position = 0; key_position < 3; ++key_position) reply.integer(0);
  for (int list = 0; list < 4; ++list) reply.array(0);
}

std::size_t top_level_count() {
  const auto all = commands();
  return static_cast<std::size_t>(std::ranges::count_if(all, is_top_level));
}

void all_commands(Reply& reply) {
  reply.array(top_level_count());
  for (const Command& command : commands()) {
    if (is_top_level(command)) describe(reply, command);
  }
}

std::vector<std::string> user_names(const View& view) {
  std::vector<std::string> names{std::string(kDefaultUser)};
  for (const User& user : view.credentials().users) names.push_back(user.name);
  return names;
}

}  // namespace

namespace handlers {

void info(Call& call) {
  call.reply.text(format_info(call.view, call.argv.subspan(1), call.at));
}

void time(Call& call) {
  call.reply.array(2);
  call.reply.bulk(std::to_string(call.at.wall_ms / 1000));
  call.reply.bulk(std::to_string(call.at.wall_ms % 1000 * 1000));
}

void command(Call& call) {
  all_commands(call.reply);
}

void command_count(Call& call) {
  call.reply.count(top_level_count());
}

// redis-cli asks for it when it starts, for its hints, and is content with none.
void command_docs(Call& call) {
  call.reply.map(0);
}

void command_getkeys(Call& call) {
  call.reply.error("ERR The command has no key arguments");
}

void command_info(Call& call) {
  const Argv names = call.argv.subspan(2);
  if (names.empty()) return all_commands(call.reply);
  call.reply.array(names.size());
  for (const auto name : names) {
    const Command* found = find_command(lower_case(name));
    if (found == nullptr) {
      call.reply.null_array();
    } else {
      describe(call.reply, *found);
    }
  }
}

void command_list(Call& call) {
  if (call.argv.size() > 2) return call.reply.error(kSyntaxError);
  call.reply.array(commands().size());
  for (const Command& command : commands()) call.reply.bulk(command.name);
}

void debug(Call& call) {
  call.reply.error(
      "ERR DEBUG command not allowed. A keeper has no DEBUG; KEEPER STATUS says how it fares");
}

// Everyone who is let in may do everything a keeper can.
void acl_list(Call& call) {
  const auto names = user_names(call.view);
  const bool is_open = call.view.credentials().is_open();
  call.reply.array(names.size());
  for (const auto& name : names) {
    const bool needs_none = name == kDefaultUser && is_open;
    call.reply.bulk(fmt::format("user {} on{} ~* &* +@all", name, needs_none ? " nopass" : ""));
  }
}

void acl_users(Call& call) {
  const auto names = user_names(call.view);
  call.reply.array(names.size());
  for (const auto& name : names) call.reply.bulk(name);
}

void acl_whoami(Call& call) {
  call.reply.bulk(call.session.user);
}

void cluster(Call& call) {
  call.reply.error("ERR This instance has cluster support disabled");
}

void monitor(Call& call) {
  call.reply.error(
      "ERR a keeper runs no commands to watch: 'sluice log cat' prints those that it logged");
}

void empty_array(Call& call) {
  call.reply.array(0);
}

void empty_map(Call& call) {
  call.reply.map(0);
}

void ok(Call& call) {
  call.reply.ok();
}

void zero(Call& call) {
  call.reply.integer(0);
}

void latency_doctor(Call& call) {
  call.reply.text(
      "A keeper does not monitor latency. Its metrics port tells how long fsync takes.\n");
}

void memory_doctor(Call& call) {
  call.reply.text("A keeper holds its log on disk; its memory does not grow with the data.\n");
}

void memory_usage(Call& call) {
  call.reply.null();
}

}  // namespace handlers
}  // namespace sluice::keeper
