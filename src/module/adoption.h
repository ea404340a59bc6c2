// Makes ops of the data that were here before the module, once there is somebody to tell.
#pragma once

#include <cstdint>
#include <vector>

#include "module/key_sweep.h"
#include "module/observer.h"

namespace sluice::crdt {
class Region;
}

namespace sluice::module {

class RedisKeyspace;

// A plain Redis whose module was loaded has keys of which no op tells. At the first contact with another region each of
// them is noted as it is: with a stamp older than any write, where nothing was written to it since; else as a write
// over itself. In small portions, and only as long as others keep up. What was adopted twice, after a restart in the
// middle, is as it would be once.
class Adoption {
 public:
  void begin() { is_due_ = true; }
  void end();
  bool is_due() const { return is_due_; }
  std::uint64_t adopted() const { return adopted_; }

  // The ops of some keys; `are_old` tells those of old stamp from writes.
  struct Portion {
    Observer::Ops old_ops, writes;
    bool is_last = false;
  };
  Portion next(Ctx* ctx, const crdt::Region& region, RedisKeyspace& keyspace);

 private:
  bool is_due_ = false;
  std::uint64_t adopted_ = 0;
  KeySweep sweep_;
};

}  // namespace sluice::module
