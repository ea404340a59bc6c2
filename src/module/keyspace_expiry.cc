// The parts of the keyspace that make deadlines take effect.
#include <algorithm>
#include <vector>

#include "module/keyspace.h"

namespace sluice::module {

using crdt::Deadline;
using crdt::KeyName;

bool RedisKeyspace::expire_now(const KeyName& key) {
  select(key.db);
  const auto before = api::DbSize(open_.ctx);
  expire_if_due(key);
  if (api::DbSize(open_.ctx) < before) return true;
  if (!is_about_to_expire(key)) return false;
  const bool is_new = std::ranges::find(foretold_, key) == foretold_.end();
  if (is_new) foretold_.push_back(key);
  return is_new;
}

// From 7.2 on no key expires while a module hears of an event (lazy_expire_disabled in module.c). A master's command removes it when
// it comes to it, by the time at which the command began, and the stream has its DEL before the command as ever.
bool RedisKeyspace::is_about_to_expire(const KeyName& key) {
  if (api::CachedMicroseconds == nullptr) return false;
  const Deadline at = deadline(key);
  return at != crdt::kNoDeadline && at < api::CachedMicroseconds() / 1000 &&
         (api::GetContextFlags(open_.ctx) & (kFlagMaster | kFlagLoading)) == kFlagMaster;
}

bool RedisKeyspace::was_foretold(const KeyName& key) {
  return std::erase(foretold_, key) != 0;
}

void RedisKeyspace::expire_all_due(std::uint32_t db) {
  const std::uint32_t count = db_count();
  for (std::uint32_t one = 0; one < count; ++one) {
    if (db != crdt::kEveryDb && db != one) continue;
    std::vector<KeyName> keys;
    for_each_key(one, [&](const KeyName& key) { keys.push_back(key); });
    for (const auto& key : keys) expire_if_due(key);
  }
}

}  // namespace sluice::module
