// The process's cores: one thread and one AsioHost each, and its disk lanes.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "rt/asio_host.h"

namespace sluice::rt {

class Cores {
 public:
  explicit Cores(std::size_t count);
  Cores(const Cores&) = delete;
  Cores& operator=(const Cores&) = delete;
  ~Cores();

  std::size_t count() const { return hosts_.size(); }
  AsioHost& host(std::size_t core) { return *hosts_[core]; }

  // SIGTERM and SIGINT call `stop` on core 0, each time one comes. Before run().
  void on_stop_signal(std::function<void(int signal)> stop);

  // SIGHUP calls `reload` on core 0, each time one comes. Before run(). Without it SIGHUP ends the
  // process, as it does any.
  void on_reload_signal(std::function<void()> reload);

  // Runs core 0 on this thread and the others on their own, until stop(). SIGPIPE is ignored.
  void run();

  // Runs `main` on core 0 and returns when it has ended.
  void run_until_ended(Task<void> main);

  // Ends run() once the callbacks that run now have returned. From any thread. Tasks that still
  // wait are destroyed with the cores, so roles close their gates first.
  void stop();

 private:
  struct Signals;

  DiskLanes lanes_;
  std::vector<std::unique_ptr<AsioHost>> hosts_;
  std::unique_ptr<Signals> signals_;
  std::unique_ptr<Signals> reload_signals_;
};

}  // namespace sluice::rt
