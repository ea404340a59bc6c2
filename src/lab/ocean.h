// An emulated WAN inside of this process, and the sites that it joins.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lab/wan_emulator.h"

namespace sluice::lab {

// As flags would say them: {{"delay", "200ms"}, {"loss", "1%"}}; all others are none.
using Conditions = std::vector<std::pair<std::string, std::string>>;
WanChange change_to(const Conditions& conditions);

// Lives on one core. Its sites go with it, once their processes have ended.
class Ocean {
 public:
  // kRejected, with what is needed, without root or /dev/net/tun. Blocks.
  static Result<std::unique_ptr<Ocean>> make(rt::Host& host, const WanOptions& options,
                                             const WanChange& conditions = {});
  Ocean(const Ocean&) = delete;
  Ocean& operator=(const Ocean&) = delete;

  Result<> set(const Conditions& conditions) { return change(change_to(conditions)); }
  Result<> cut(rt::Duration time);

  Result<> change(const WanChange& change) { return emulator_->change(change); }
  WanStatus status() { return emulator_->status(); }

  // Of all packets, those that the emulation itself lost: more than a few, and the run is void.
  double missed_share();

  rt::Task<void> stop();

 private:
  Ocean(rt::Host& host, std::unique_ptr<WanEmulator> emulator);

  rt::Gate tasks_;
  std::unique_ptr<WanEmulator> emulator_;
};

}  // namespace sluice::lab
