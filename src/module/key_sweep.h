// All keys of all databases, some at a time.
#pragma once

#include <cstdint>
#include <functional>

#include "crdt/op.h"
#include "module/redismodule.h"

namespace sluice::module {

// Finds every key that is there from the first call to the last, perhaps twice (SCAN's promise).
class KeySweep {
 public:
  KeySweep() = default;
  ~KeySweep() { restart(); }
  KeySweep(const KeySweep&) = delete;
  KeySweep& operator=(const KeySweep&) = delete;

  // About `keys_max` of them; `each` must not write. False once there are no more. The selected database is left as
  // it was.
  bool next(Ctx* ctx, std::uint64_t keys_max, const std::function<void(crdt::KeyName)>& each);
  void restart();

 private:
  RedisModuleScanCursor* cursor_ = nullptr;
  std::uint32_t db_ = 0;
};

}  // namespace sluice::module
