// The functions behind the rows of the command table, by the file that holds them.
#pragma once

#include "keeper/call.h"

namespace sluice::keeper::handlers {

// connection.cc
void ping(Call& call);
void echo(Call& call);
void auth(Call& call);
void hello(Call& call);
void quit(Call& call);
void reset(Call& call);
void select(Call& call);

// client_commands.cc
void client_caching(Call& call);
void client_getname(Call& call);
void client_getredir(Call& call);
void client_help(Call& call);
void client_id(Call& call);
void client_info(Call& call);
void client_kill(Call& call);
void client_list(Call& call);
void client_no_evict(Call& call);
void client_pause(Call& call);
void client_reply(Call& call);
void client_setinfo(Call& call);
void client_setname(Call& call);
void client_tracking(Call& call);
void client_trackinginfo(Call& call);
void client_unblock(Call& call);

// replication_commands.cc
void replicaof(Call& call);
void psync(Call& call);
void sync(Call& call);
void replconf(Call& call);
void wait(Call& call);
void role(Call& call);
void failover(Call& call);

// config_commands.cc
void config_get(Call& call);
void config_help(Call& call);
void config_resetstat(Call& call);
void config_rewrite(Call& call);
void config_set(Call& call);

// keeper_commands.cc
void keeper_accept(Call& call);
void keeper_help(Call& call);
void keeper_reject(Call& call);
void keeper_snapshot(Call& call);
void keeper_status(Call& call);
void bgsave(Call& call);
void lastsave(Call& call);
void dbsize(Call& call);
void save(Call& call);
void shutdown(Call& call);

// server_commands.cc
void info(Call& call);
void time(Call& call);
void command(Call& call);
void command_count(Call& call);
void command_docs(Call& call);
void command_getkeys(Call& call);
void command_info(Call& call);
void command_list(Call& call);
void debug(Call& call);
void acl_list(Call& call);
void acl_users(Call& call);
void acl_whoami(Call& call);
void cluster(Call& call);
void monitor(Call& call);
void empty_array(Call& call);
void empty_map(Call& call);
void ok(Call& call);
void zero(Call& call);
void latency_doctor(Call& call);
void memory_doctor(Call& call);
void memory_usage(Call& call);

// pubsub_commands.cc
void subscribe(Call& call);
void unsubscribe(Call& call);
void psubscribe(Call& call);
void punsubscribe(Call& call);
void publish(Call& call);
void pubsub_channels(Call& call);
void pubsub_numpat(Call& call);
void pubsub_numsub(Call& call);

// session.cc: they need the whole session
void multi(Call& call);
void discard(Call& call);

}  // namespace sluice::keeper::handlers
