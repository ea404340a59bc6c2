#include "keeper/command_table.h"

#include <algorithm>
#include <iterator>

#include "keeper/handlers.h"

namespace sluice::keeper {
namespace {

// By name. Arities are those of redis-server 7.0.15 (COMMAND INFO).
constexpr Command kCommands[] = {
    {"acl", -2, kContainer, nullptr},
    {"acl|list", 2, kPlain, handlers::acl_list},
    {"acl|users", 2, kPlain, handlers::acl_users},
    {"acl|whoami", 2, kPlain, handlers::acl_whoami},
    {"asking", 1, kPlain, handlers::cluster},
    {"auth", -2, kNoAuth, handlers::auth},
    {"bgsave", -1, kPlain, handlers::bgsave},
    {"client", -2, kContainer, nullptr},
    {"client|caching", 3, kPlain, handlers::client_caching},
    {"client|getname", 2, kPlain, handlers::client_getname},
    {"client|getredir", 2, kPlain, handlers::client_getredir},
    {"client|help", 2, kPlain, handlers::client_help},
    {"client|id", 2, kPlain, handlers::client_id},
    {"client|info", 2, kPlain, handlers::client_info},
    {"client|kill", -3, kPlain, handlers::client_kill},
    {"client|list", -2, kPlain, handlers::client_list},
    {"client|no-evict", 3, kPlain, handlers::client_no_evict},
    {"client|no-touch", 3, kPlain, handlers::client_no_evict},
    {"client|pause", -3, kPlain, handlers::client_pause},
    {"client|reply", 3, kPlain, handlers::client_reply},
    {"client|setinfo", 4, kPlain, handlers::client_setinfo},
    {"client|setname", 3, kPlain, handlers::client_setname},
    {"client|tracking", -3, kPlain, handlers::client_tracking},
    {"client|trackinginfo", 2, kPlain, handlers::client_trackinginfo},
    {"client|unblock", -3, kPlain, handlers::client_unblock},
    {"client|unpause", 2, kPlain, handlers::ok},
    {"cluster", -2, kPlain, handlers::cluster},
    {"command", -1, kContainer, handlers::command},
    {"command|count", 2, kPlain, handlers::command_count},
    {"command|docs", -2, kPlain, handlers::command_docs},
    {"command|getkeys", -3, kPlain, handlers::command_getkeys},
    {"command|info", -2, kPlain, handlers::command_info},
    {"command|list", -2, kPlain, handlers::command_list},
    {"config", -2, kContainer, nullptr},
    {"config|get", -3, kPlain, handlers::config_get},
    {"config|help", 2, kPlain, handlers::config_help},
    {"config|resetstat", 2, kPlain, handlers::config_resetstat},
    {"config|rewrite", 2, kPlain, handlers::config_rewrite},
    {"config|set", -4, kPlain, handlers::config_set},
    {"dbsize", 1, kPlain, handlers::dbsize},
    {"debug", -2, kPlain, handlers::debug},
    {"discard", 1, kImmediate, handlers::discard},
    {"echo", 2, kPlain, handlers::echo},
    {"exec", 1, kImmediate, nullptr},
    {"failover", -1, kPlain, handlers::failover},
    {"hello", -1, kNoAuth, handlers::hello},
    {"info", -1, kPlain, handlers::info},
    {"keeper", -2, kContainer, nullptr},
    {"keeper|accept", 2, kPlain, handlers::keeper_accept},
    {"keeper|help", 2, kPlain, handlers::keeper_help},
    {"keeper|reject", 2, kPlain, handlers::keeper_reject},
    {"keeper|snapshot", 2, kPlain, handlers::keeper_snapshot},
    {"keeper|status", 2, kPlain, handlers::keeper_status},
    {"lastsave", 1, kPlain, handlers::lastsave},
    {"latency", -2, kContainer, nullptr},
    {"latency|doctor", 2, kPlain, handlers::latency_doctor},
    {"latency|histogram", -2, kPlain, handlers::empty_map},
    {"latency|history", 3, kPlain, handlers::empty_array},
    {"latency|latest", 2, kPlain, handlers::empty_array},
    {"latency|reset", -2, kPlain, handlers::zero},
    {"memory", -2, kContainer, nullptr},
    {"memory|doctor", 2, kPlain, handlers::memory_doctor},
    {"memory|purge", 2, kPlain, handlers::ok},
    {"memory|stats", 2, kPlain, handlers::empty_map},
    {"memory|usage", -3, kPlain, handlers::memory_usage},
    {"module", -2, kContainer, nullptr},
    {"module|list", 2, kPlain, handlers::empty_array},
    {"monitor", 1, kPlain, handlers::monitor},
    {"multi", 1, kImmediate, handlers::multi},
    {"ping", -1, kSubscribed, handlers::ping},
    {"psubscribe", -2, kSubscribed, handlers::psubscribe},
    {"psync", -3, kNoMulti, handlers::psync},
    {"publish", 3, kPlain, handlers::publish},
    {"pubsub", -2, kContainer, nullptr},
    {"pubsub|channels", -2, kPlain, handlers::pubsub_channels},
    {"pubsub|numpat", 2, kPlain, handlers::pubsub_numpat},
    {"pubsub|numsub", -2, kPlain, handlers::pubsub_numsub},
    {"punsubscribe", -1, kSubscribed, handlers::punsubscribe},
    {"quit", -1, kNoAuth | kSubscribed | kImmediate, handlers::quit},
    {"readonly", 1, kPlain, handlers::cluster},
    {"readwrite", 1, kPlain, handlers::cluster},
    {"replconf", -1, kPlain, handlers::replconf},
    {"replicaof", 3, kPlain, handlers::replicaof},
    {"reset", 1, kNoAuth | kSubscribed | kImmediate, handlers::reset},
    {"role", 1, kPlain, handlers::role},
    {"save", 1, kNoMulti, handlers::save},
    {"select", 2, kPlain, handlers::select},
    {"shutdown", -1, kNoMulti, handlers::shutdown},
    {"slaveof", 3, kPlain, handlers::replicaof},
    {"slowlog", -2, kContainer, nullptr},
    {"slowlog|get", -2, kPlain, handlers::empty_array},
    {"slowlog|len", 2, kPlain, handlers::zero},
    {"slowlog|reset", 2, kPlain, handlers::ok},
    {"subscribe", -2, kSubscribed, handlers::subscribe},
    {"sync", 1, kNoMulti, handlers::sync},
    {"time", 1, kPlain, handlers::time},
    {"unsubscribe", -1, kSubscribed, handlers::unsubscribe},
    {"unwatch", 1, kPlain, handlers::ok},
    {"wait", 3, kPlain, handlers::wait},
    {"watch", -2, kPlain, handlers::ok},
};

constexpr bool by_name(const Command& a, const Command& b) {
  return a.name < b.name;
}
static_assert(std::ranges::is_sorted(kCommands, by_name));

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

const Command* find_command(std::string_view lower_case_name) {
  const Command wanted{lower_case_name, 0, kPlain, nullptr};
  const auto* found = std::ranges::lower_bound(kCommands, wanted, by_name);
  return found != std::end(kCommands) && found->name == lower_case_name ? found : nullptr;
}

bool accepts(const Command& command, std::size_t arguments) {
  const auto count = static_cast<int>(arguments);
  return command.arity >= 0 ? count == command.arity : count >= -command.arity;
}

}  // namespace sluice::keeper
