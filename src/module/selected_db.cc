#include "module/selected_db.h"

namespace sluice::module {
namespace {

constexpr int kValkey9 = 9 << 16;
constexpr int kOpenUnseen = kOpenRead | kOpenWrite | kOpenNoTouch | kOpenNoExpire;

}  // namespace

int selected_db(Ctx* ctx) {
  static const bool is_told_by_keys =
      api::GetServerVersion() >= kValkey9 && api::GetDbIdFromModuleKey != nullptr;
  if (!is_told_by_keys) return api::GetSelectedDb(ctx);
  static String* const name = api::CreateString(nullptr, "", 0);
  RedisModuleKey* opened = api::OpenKey(ctx, name, kOpenUnseen);
  const int db = api::GetDbIdFromModuleKey(opened);
  api::CloseKey(opened);
  return db;
}

}  // namespace sluice::module
