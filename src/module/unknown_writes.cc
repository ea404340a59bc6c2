#include "module/unknown_writes.h"

#include <algorithm>

#include "module/command_table.h"
#include "module/keyspace.h"

namespace sluice::module {

namespace {

constexpr std::string_view kOurs = "geo.";

// COMMAND: name, arity, flags, first key, last key, step, categories, tips, key specifications, subcommands.
constexpr std::size_t kNameAt = 0, kFlagsAt = 2, kSubcommandsAt = 9;

std::string lower(std::string_view text) {
  std::string made(text);
  std::ranges::transform(made, made.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return made;
}

bool has_flag(RedisModuleCallReply* flags, std::string_view flag) {
  const bool is_set = api::CallReplyType(flags) == kReplySet;
  for (std::size_t i = 0; i < api::CallReplyLength(flags); ++i) {
    RedisModuleCallReply* one =
        is_set ? api::CallReplySetElement(flags, i) : api::CallReplyArrayElement(flags, i);
    if (bytes_of(one) == flag) return true;
  }
  return false;
}

}  // namespace

void UnknownWrites::learn(Ctx* ctx) {
  names_.clear();
  const CallReply reply(api::Call(ctx, "COMMAND", ""));
  if (reply.failed()) {
    api::Log(ctx, "warning",
             "sluice-geo: COMMAND is not answered: commands of this server that are unknown here "
             "are not refused");
    return;
  }
  learn_from(reply.get());
  for (const auto& name : names_) look_for(std::string_view(name).substr(0, name.find('|')));
}

void UnknownWrites::learn_from(RedisModuleCallReply* commands) {
  for (std::size_t i = 0; i < api::CallReplyLength(commands); ++i) {
    RedisModuleCallReply* command = api::CallReplyArrayElement(commands, i);
    if (api::CallReplyType(command) != kReplyArray || api::CallReplyLength(command) <= kFlagsAt) {
      continue;
    }
    const std::string name = lower(bytes_of(api::CallReplyArrayElement(command, kNameAt)));
    const bool writes = has_flag(api::CallReplyArrayElement(command, kFlagsAt), "write");
    if (writes && !name.starts_with(kOurs) && find_rule(name) == nullptr) names_.insert(name);
    if (api::CallReplyLength(command) <= kSubcommandsAt) continue;
    RedisModuleCallReply* subcommands = api::CallReplyArrayElement(command, kSubcommandsAt);
    if (api::CallReplyType(subcommands) == kReplyArray) learn_from(subcommands);
  }
}

bool UnknownWrites::contains(std::string_view name, std::string_view second) const {
  const std::string word = lower(name);
  return names_.contains(word) || (!second.empty() && names_.contains(word + "|" + lower(second)));
}

}  // namespace sluice::module
