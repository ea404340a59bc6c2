#include "module/key_counts.h"

namespace sluice::module {

void KeyCounts::look_at(std::uint32_t db) {
  if (select(db)) dbs_[db].keys = api::DbSize(own_);
}

void KeyCounts::use(std::uint32_t db) {
  if (db < dbs_.size() && dbs_[db].is_used) return;
  if (!select(db)) return;
  if (db >= dbs_.size()) dbs_.resize(db + 1);
  dbs_[db].is_used = true;
  used_.push_back(db);
}

void KeyCounts::look() {
  for (const auto db : used_) look_at(db);
}

void KeyCounts::begin() {
  dbs_.clear();
  used_.clear();
  if (own_ == nullptr) own_ = api::GetThreadSafeContext(nullptr);
  for (std::uint32_t db = 0; select(db); ++db) {
    const auto keys = api::DbSize(own_);
    if (keys == 0) continue;
    use(db);
    dbs_[db].keys = keys;
  }
}

bool KeyCounts::select(std::uint32_t db) {
  if (own_db_ == db) return true;
  if (db > INT32_MAX || api::SelectDb(own_, static_cast<int>(db)) != kOk) return false;
  own_db_ = db;
  return true;
}

}  // namespace sluice::module
