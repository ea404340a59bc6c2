// What the lab runs, as values: describe the nodes, then start them (world.h).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::lab {

// A node follows another by its name, or something else on this machine by its port: "6379".

// PEM files of a relay. All relays of a lab bear the same name, as their routes are of numbers.
struct Certificate {
  std::string ca;
  std::string cert;
  std::string key;
};
inline constexpr const char* kRelayName = "relay.lab";

using Settings = std::vector<std::pair<std::string, std::string>>;

// A stock redis-server. The lab sets port, dir and bind; `settings` come after and win.
struct RedisNode {
  std::string name;
  std::string replica_of;                // name of the node it follows; empty: a master
  Settings settings;                     // lines of redis.conf
  std::vector<std::string> run_by = {};  // what it is run by, such as {"nice", "-n", "5"}
  std::string site = {};                 // see World::add_site
};

// `sluice keeper`, as this executable.
struct KeeperNode {
  std::string name;
  std::string upstream;            // name of the node it follows
  std::vector<std::string> flags;  // beyond --upstream, --listen, --dir and --metrics
  std::vector<std::string> run_by = {};
  std::string site = {};
  std::string route = {};  // of relays; the last of them stands beside the upstream
};

// `sluice relay`: without TLS for its own site, with TLS 1.3 towards others.
struct RelayNode {
  std::string name;
  Certificate certificate;         // made by make_certificate()
  std::vector<std::string> allow;  // where it may connect to
  std::vector<std::string> run_by = {};
  std::string site = {};
};

// `sluice geo link`: between regions that all take writes.
struct LinkNode {
  std::string name;
  std::vector<std::pair<std::string, std::uint16_t>> from;  // what a peer is called, and its port
  std::string to;                                           // name of the region's master
  std::vector<std::string> flags = {};
  std::vector<std::string> run_by = {};
  std::string site = {};
};

using Node = std::variant<RedisNode, KeeperNode, RelayNode, LinkNode>;

inline const std::string& site_of(const Node& node) {
  return std::visit([](const auto& any) -> const std::string& { return any.site; }, node);
}

inline const std::string& name_of(const Node& node) {
  return std::visit([](const auto& any) -> const std::string& { return any.name; }, node);
}

// The text of redis.conf. `master_port` is 0 for a master.
struct RedisPlace {
  std::uint16_t port = 0;
  std::uint16_t master_port = 0;
  std::string dir;
  std::string master_host = "127.0.0.1";
  std::string address = {};  // that others than its own site reach it by, if any
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

// The command line of a relay.
struct RelayPlace {
  std::string program;
  std::uint16_t port = 0;
  std::uint16_t tls_port = 0;
  std::uint16_t metrics_port = 0;
  std::string address;  // of its site
};
std::vector<std::string> relay_argv(const RelayNode& node, const RelayPlace& place);

// The command line of a link between regions.
struct LinkPlace {
  std::string program;
  std::uint16_t metrics_port = 0;
  std::uint16_t to_port = 0;
};
std::vector<std::string> link_argv(const LinkNode& node, const LinkPlace& place);

// A master with a keeper, and replicas behind the keeper, in the order in which they start.
std::vector<Node> master_keeper_replicas(std::size_t replicas);

}  // namespace sluice::lab
