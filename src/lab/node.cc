#include "lab/node.h"

namespace sluice::lab {
namespace {

std::string loopback(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

}  // namespace

std::string redis_conf(const RedisNode& node, const RedisPlace& place) {
  Settings lines{
      {"port", std::to_string(place.port)},
      {"bind", place.address.empty() ? "127.0.0.1" : "127.0.0.1 " + place.address},
      {"protected-mode", place.address.empty() ? "yes" : "no"},
      {"dir", "\"" + place.dir + "\""},
      {"save", "\"\""},
      {"daemonize", "no"},
      {"enable-debug-command", "local"},
      {"repl-diskless-sync-delay", "0"},
      // Redis's 1 MB is a second of what is written here, and a keeper takes longer to restart.
      {"repl-backlog-size", "64mb"},
  };
  if (place.master_port != 0) {
    lines.emplace_back("replicaof", place.master_host + " " + std::to_string(place.master_port));
  }
  lines.insert(lines.end(), node.settings.begin(), node.settings.end());
  std::string text;
  for (const auto& [name, value] : lines) text.append(name).append(" ").append(value).append("\n");
  return text;
}

std::vector<std::string> keeper_argv(const KeeperNode& node, const KeeperPlace& place) {
  std::vector<std::string> argv{place.program, "keeper",
                                "--upstream",  "redis://" + loopback(place.upstream_port),
                                "--listen",    loopback(place.port),
                                "--dir",       place.dir,
                                "--metrics",   loopback(place.metrics_port)};
  if (!node.route.empty()) argv.insert(argv.end(), {"--route", node.route});
  argv.insert(argv.end(), node.flags.begin(), node.flags.end());
  return argv;
}

std::vector<std::string> relay_argv(const RelayNode& node, const RelayPlace& place) {
  std::vector<std::string> argv{
      place.program,       "relay",
      "--listen",          loopback(place.port),
      "--tls-listen",      place.address + ":" + std::to_string(place.tls_port),
      "--tls-cert",        node.certificate.cert,
      "--tls-key",         node.certificate.key,
      "--tls-ca",          node.certificate.ca,
      "--tls-server-name", kRelayName,
      "--metrics",         loopback(place.metrics_port)};
  for (const auto& rule : node.allow) argv.insert(argv.end(), {"--allow", rule});
  return argv;
}

std::vector<std::string> link_argv(const LinkNode& node, const LinkPlace& place) {
  std::vector<std::string> argv{place.program,
                                "geo",
                                "link",
                                "--to",
                                "redis://" + loopback(place.to_port),
                                "--metrics",
                                loopback(place.metrics_port)};
  for (const auto& [name, port] : node.from) {
    argv.insert(argv.end(), {"--from", name + "=redis://" + loopback(port)});
  }
  argv.insert(argv.end(), node.flags.begin(), node.flags.end());
  return argv;
}

std::vector<Node> master_keeper_replicas(std::size_t replicas) {
  std::vector<Node> nodes{RedisNode{.name = "master", .replica_of = "", .settings = {}},
                          KeeperNode{.name = "keeper", .upstream = "master", .flags = {}}};
  for (std::size_t i = 1; i <= replicas; ++i) {
    nodes.emplace_back(
        RedisNode{.name = "replica-" + std::to_string(i), .replica_of = "keeper", .settings = {}});
  }
  return nodes;
}

}  // namespace sluice::lab
