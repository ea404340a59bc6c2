#include "module/key_sweep.h"

#include <string>
#include <utility>

#include "module/keyspace.h"
#include "module/selected_db.h"

namespace sluice::module {

namespace {

// A database may be mostly empty buckets.
constexpr std::uint64_t kBucketsPerKey = 16;

struct Found {
  std::uint32_t db;
  std::uint64_t count;
  const std::function<void(crdt::KeyName)>& each;
};

void on_key(Ctx* /*ctx*/, String* name, RedisModuleKey* /*key*/, void* data) {
  auto& found = *static_cast<Found*>(data);
  ++found.count;
  found.each({found.db, std::string(bytes_of(name))});
}

}  // namespace

bool KeySweep::next(Ctx* ctx, std::uint64_t keys_max,
                    const std::function<void(crdt::KeyName)>& each) {
  const int selected = selected_db(ctx);
  Found found{.db = db_, .count = 0, .each = each};
  bool has_more = true;
  for (auto buckets = keys_max * kBucketsPerKey; buckets > 0 && found.count < keys_max; --buckets) {
    if (api::SelectDb(ctx, static_cast<int>(db_)) != kOk) {
      has_more = false;
      break;
    }
    if (cursor_ == nullptr) cursor_ = api::ScanCursorCreate();
    found.db = db_;
    if (api::Scan(ctx, cursor_, on_key, &found) != 0) continue;
    api::ScanCursorDestroy(std::exchange(cursor_, nullptr));
    ++db_;
  }
  api::SelectDb(ctx, selected);
  return has_more;
}

void KeySweep::restart() {
  if (cursor_ != nullptr) api::ScanCursorDestroy(std::exchange(cursor_, nullptr));
  db_ = 0;
}

}  // namespace sluice::module
