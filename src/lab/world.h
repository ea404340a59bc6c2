// Real processes on this machine, started from their description and stopped again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/folder.h"
#include "lab/node.h"
#include "lab/wan_status.h"
#include "redis/client.h"
#include "redis/info.h"
#include "rt/gate.h"
#include "rt/net_namespace.h"

namespace sluice::lab {

struct WorldOptions {
  std::optional<std::string> dir;  // kept; without it a temporary folder
  std::string sluice = {};         // whose roles are started; empty: this executable
  rt::Duration start_timeout = std::chrono::seconds(30);
  rt::Duration call_timeout = std::chrono::seconds(60);  // for DEBUG POPULATE of many keys
};

// A host of its own (a network namespace), with loopback and an address towards other sites.
struct Site {
  std::string name;
  std::string address;
  rt::NetNamespace where;
};

// One running node. Its port and folder stay the same when it is restarted.
class Server {
 public:
  const std::string& name() const { return name_of(node_); }
  const Node& node() const { return node_; }
  std::uint16_t port() const { return port_; }
  std::uint16_t metrics_port() const { return metrics_port_; }  // of a keeper, relay or link
  std::uint16_t tls_port() const { return tls_port_; }          // of a relay
  const Site* site() const { return site_; }                    // null: this machine
  const std::string& dir() const { return dir_; }
  std::string log_file() const { return dir_ + ".log"; }
  int pid() const { return process_ ? process_->pid() : 0; }
  bool is_running() const { return process_ && !exit_code_; }

 private:
  friend class World;
  Node node_;
  std::uint16_t port_ = 0;
  std::uint16_t metrics_port_ = 0;
  std::uint16_t tls_port_ = 0;
  const Site* site_ = nullptr;
  std::string dir_;
  std::unique_ptr<rt::Process> process_;
  std::optional<int> exit_code_;
  std::shared_ptr<redis::Client> client_;  // also owned by the calls that are in flight on it
};

// Lives on one core. stop() must have returned before it is destroyed.
class World {
 public:
  World(rt::Host& host, Folder folder, WorldOptions options);

  // Nodes that name it run there. Its namespace outlives them.
  Result<> add_site(const WanSideStatus& side);
  const Site* site(std::string_view name) const;  // null if there is none

  // Starts a node and waits until it answers PING (with whatever: a keeper without a snapshot may
  // say that it is loading). kRejected with the tail of its log if it does not come up.
  rt::Task<Result<Server*>> start(Node node);

  // Stops it, with SIGTERM and after a while SIGKILL, and starts it again as `node`, whose name is
  // the same.
  rt::Task<Result<>> restart(Server& server, Node node);
  rt::Task<void> stop(Server& server);
  rt::Task<void> kill(Server& server);  // SIGKILL at once

  // Ends all processes, last started first.
  rt::Task<void> stop();

  // A command to a node over a connection that is kept. A broken one is made anew once.
  rt::Task<Result<resp::Reply>> call(Server& server, redis::Words words);
  // As call(), but an error of Redis is a failure too: kRejected with its text.
  rt::Task<Result<resp::Reply>> need(Server& server, redis::Words words);
  // The sections of INFO that the lab looks at.
  rt::Task<Result<redis::Info>> info(Server& server);
  rt::Task<Result<std::unique_ptr<redis::Client>>> connect(Server& server);
  // A bare connection to one of its ports.
  rt::Task<Result<std::unique_ptr<rt::Stream>>> dial(Server& server, std::uint16_t port);

  // Runs a program to its end; kRejected with its output if that is bad.
  rt::Task<Result<>> run(std::vector<std::string> argv);
  // The same with this executable and `arguments`.
  rt::Task<Result<>> run_sluice(std::vector<std::string> arguments);

  Server* find(std::string_view name);
  std::vector<Server*> servers();
  Folder& folder() { return folder_; }
  rt::Host& host() { return host_; }

 private:
  rt::Task<Result<>> launch(Server& server);
  Result<rt::ProcessSpec> spec(Server& server);
  Result<std::vector<std::string>> argv_of(Server& server);
  Result<std::uint16_t> free_port(const Site* site);
  rt::Task<Result<>> wait_until_up(Server& server);
  rt::Task<void> watch(Server& server);
  rt::Task<bool> wait_until_gone(Server& server, rt::Duration time);
  rt::Task<Result<>> greet(Server& server);
  std::uint16_t port_of(const std::string& name);
  std::string host_of(const std::string& name, const Server& for_whom);

  rt::Host& host_;
  Folder folder_;
  WorldOptions options_;
  rt::Gate gate_;
  rt::Event exited_;
  std::vector<std::unique_ptr<Site>> sites_;
  std::vector<std::unique_ptr<Server>> servers_;
  int commands_run_ = 0;
};

}  // namespace sluice::lab
