// What the lab runs, as values: describe the nodes, then start them (world.h).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::lab {

// A node follows another by its name, or something else on this machine by its port: "6379".

using Settings = std::vector<std::pair<std::string, std::string>>;

// A stock redis-server. The lab sets port, dir and bind; `settings` come after and win.
struct RedisNode {
  std::string name;
  std::string replica_of;                // name of the node it follows; empty: a master
  Settings settings;                     // lines of redis.conf
  std::vector<std::string> run_by = {};  // what it is run by, such as {"nice", "-n", "5"}
};

// `sluice keeper`, as this executable.
struct KeeperNode {
  std::string name;
  std::string upstream;            // name of the node it follows
  std::vector<std::string> flags;  // beyond --upstream, --listen, --dir and --metrics
  std::vector<std::string> run_by = {};
};

using Node = std::variant<RedisNode, KeeperNode>;

inline const std::string& name_of(const Node& node) {
  return std::visit([](const auto& any) -> const std::string& { return any.name; }, node);
}

// The text of redis.conf. `master_port` is 0 for a master.
struct RedisPlace {
  std::uint16_t port = 0;
  std::uint16_t master_port = 0;
  std::string dir;
};
std::string redis_conf(const RedisNode& node, const RedisPlace& place);

// The command line of a keeper.
struct KeeperPlace {
  std::string program;
  std::uint16_t port = 0;
  std::uint16_t metrics_port = 0;
  std::uint16_t upstream_port = 0;
  std::string dir;
};
std::vector<std::string> keeper_argv(const KeeperNode& node, const KeeperPlace& place);

// A master with a keeper, and replicas behind the keeper, in the order in which they start.
std::vector<Node> master_keeper_replicas(std::size_t replicas);

}  // namespace sluice::lab
