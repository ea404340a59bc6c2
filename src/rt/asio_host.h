// One core of the machine: its loop and everything that a role uses on it.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rt/asio_clock.h"
#include "rt/connector.h"
#include "rt/disk_lanes.h"
#include "rt/host.h"
#include "rt/listener.h"
#include "rt/tls_contexts.h"

namespace sluice::rt {

class AsioNetwork : public Network {
 public:
  AsioNetwork(Loop& loop, Clock& clock);

  using Network::listen;
  Task<Result<std::unique_ptr<Stream>>> connect(base::Endpoint to, ConnectOptions options) override;
  Task<Result<std::unique_ptr<Stream>>> start_tls(std::unique_ptr<Stream> outer, TlsFiles files,
                                                  Duration timeout) override;
  Task<Result<std::vector<base::Endpoint>>> resolve(base::Endpoint name, Duration timeout) override;
  Result<std::unique_ptr<Listener>> listen(const base::Endpoint& at,
                                           ListenOptions options) override;
  void watch(std::function<void(const NetworkEvent&)> watcher) override;

 private:
  void report(const NetworkEvent& event);
  void lacks_congestion_control(std::string_view name);

  std::function<void(const NetworkEvent&)> watcher_;
  std::set<std::string> lacking_;  // congestion controls that were reported
  TlsContexts contexts_;
  Dialing dialing_;
  Listening listening_;
};

class AsioHost : public Host {
 public:
  static constexpr std::size_t kReadBufferBytes = 256 * 1024;

  // The lanes are shared with the other cores and outlive this one.
  explicit AsioHost(DiskLanes& lanes);
  ~AsioHost() override;

  Loop& loop() override { return loop_; }
  Clock& clock() override { return clock_; }
  Network& network() override { return network_; }
  Disk& disk() override { return disk_; }
  std::uint64_t random() override;
  Result<std::unique_ptr<Directory>> directory(std::string_view path) override;
  Result<std::unique_ptr<Process>> start(const ProcessSpec& spec) override;
  std::span<char> read_buffer() override { return read_buffer_; }

 private:
  // Lets tasks that still wait be destroyed while all they refer to is alive.
  struct OwnLoop : Loop {
    OwnLoop() : Loop(1) {}
    using Loop::shutdown;
  };

  OwnLoop loop_;
  AsioClock clock_;
  AsioNetwork network_;
  AsioDisk disk_;
  std::vector<char> read_buffer_;
};

}  // namespace sluice::rt
