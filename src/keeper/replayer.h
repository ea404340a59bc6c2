// A private redis-server that replays a shard's newest snapshot and log, so that a fresh snapshot
// can be taken from it instead of from the master.
//
// It is an ordinary replica of ours, behind a door on the loopback that nobody else can use: the
// password is made for it and travels in a config on its standard input.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/url.h"
#include "keeper/downstream.h"
#include "rt/gate.h"
#include "rt/host.h"
#include "rt/process.h"

namespace sluice::keeper {

struct ReplayerOptions {
  std::string redis_server = "redis-server";
  std::string module;                 // loaded by it: path and arguments; empty: none
  std::string working_directory;      // for its temporary files
  std::optional<repl::Offset> until;  // it is given the stream up to here and no more
  rt::Duration start_timeout = std::chrono::seconds(30);
};

class Replayer {
 public:
  Replayer(rt::Host& host, DownstreamShared& shared, ReplayerOptions options);
  Replayer(const Replayer&) = delete;
  Replayer& operator=(const Replayer&) = delete;

  // kRejected: no such program, or it ended.
  rt::Task<Result<base::RedisUrl>> start();

  // Returns once it has executed the stream up to `offset`. kRejected if it asks for a snapshot a
  // second time: then it did not understand the first.
  rt::Task<Result<>> caught_up(repl::Offset offset);

  // Ends the process and waits until nothing of it is left. Needed before destruction.
  rt::Task<void> stop();

  // What is under way fails with kCancelled.
  void interrupt();

 private:
  rt::Task<Result<>> try_start();
  rt::Task<void> accept_loop();
  rt::Task<void> serve(std::unique_ptr<rt::Stream> stream);
  rt::Task<void> watch_process();
  Result<std::string> answer(std::span<const std::string_view> argv, bool& is_known);
  std::string config() const;

  rt::Host& host_;
  Counters counters_;  // of the private replica, which are nobody's concern
  DownstreamShared shared_;
  ReplayerOptions options_;
  std::string door_password_;
  base::RedisUrl url_;
  std::unique_ptr<rt::Listener> listener_;
  std::unique_ptr<rt::Process> process_;
  std::optional<int> exit_code_;
  rt::Gate gate_;
  std::vector<rt::Stream*> streams_;
  repl::Offset executed_;
  int snapshots_asked_ = 0;
  bool is_stopping_ = false;
};

}  // namespace sluice::keeper
