// One core of the machine: its loop and everything that a role uses on it.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "rt/asio_clock.h"
#include "rt/disk_lanes.h"
#include "rt/host.h"

namespace sluice::rt {

class AsioNetwork : public Network {
 public:
  AsioNetwork(Loop& loop, Clock& clock) : loop_(loop), clock_(clock) {}

  Task<Result<std::unique_ptr<Stream>>> connect(base::Endpoint to, ConnectOptions options) override;
  Result<std::unique_ptr<Listener>> listen(const base::Endpoint& at,
                                           const std::optional<TlsFiles>& tls) override;

 private:
  Loop& loop_;
  Clock& clock_;
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
