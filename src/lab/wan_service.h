// An emulated WAN that can be asked and told over a socket: what `sluice lab wan` speaks to.
#pragma once

#include <memory>
#include <string>

#include "lab/ocean.h"
#include "rt/network.h"

namespace sluice::lab {

// kRejected if a WAN cannot be called that.
Result<> check_wan_name(const std::string& name);

std::string wan_socket_of(const std::string& name);

// A line of JSON with its end, of at most kWanLineBytesMax.
rt::Task<Result<std::string>> read_wan_line(rt::Stream& stream);

// Lives on one core; stop() before it is destroyed.
class WanService {
 public:
  // kBusy if one of that name runs; kRejected without root or /dev/net/tun. Blocks.
  static Result<std::unique_ptr<WanService>> open(rt::Host& host, const WanOptions& options,
                                                  const WanChange& conditions);
  WanService(const WanService&) = delete;
  WanService& operator=(const WanService&) = delete;

  Ocean& ocean() { return *ocean_; }
  rt::Task<void> stop();

 private:
  explicit WanService(rt::Host& host) : tasks_(host) {}

  rt::Task<void> accept_all();
  rt::Task<void> answer(std::unique_ptr<rt::Stream> stream);
  Result<WanStatus> changed(const std::string& line);

  rt::Gate tasks_;
  std::string lock_name_;
  std::unique_ptr<rt::Directory> folder_;
  std::unique_ptr<rt::File> held_;
  std::unique_ptr<Ocean> ocean_;
  std::unique_ptr<rt::Listener> listener_;
};

}  // namespace sluice::lab
