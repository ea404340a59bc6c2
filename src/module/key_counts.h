// Tells by the number of keys in a database whether a write has made its key.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "module/redismodule.h"

namespace sluice::module {

// The server raises an event "new", but what that costs is as much as the event of the write itself. Every other
// event comes when its command has made or removed the keys that it is about, and before it makes the next one
// (MSET, SMOVE); what no event tells is looked at behind it.
class KeyCounts {
 public:
  // Whether `db`, in which `ctx` is, has got a key since it was last looked at.
  bool has_grown(Ctx* ctx, std::uint32_t db) {
    if (db >= dbs_.size() || !dbs_[db].is_used) use(db);
    const std::uint64_t now = api::DbSize(ctx);
    return now > std::exchange(dbs_[db].keys, now);
  }
  void look_at(std::uint32_t db);
  // Keys may come to be in `db` without an event. No such database: nothing.
  void use(std::uint32_t db);
  // At all databases that are in use.
  void look();
  // The same before each command, while they are few.
  void look_at_few() {
    if (used_.size() <= kFew) look();
  }
  // At all databases, after a load.
  void begin();

 private:
  static constexpr std::size_t kFew = 4;
  struct Db {
    std::uint64_t keys = 0;
    bool is_used = false;
  };
  bool select(std::uint32_t db);  // false: there is none such

  std::vector<Db> dbs_;  // by number
  std::vector<std::uint32_t> used_;
  Ctx* own_ = nullptr;  // for life, as the module's
  std::uint32_t own_db_ = 0;
};

}  // namespace sluice::module
