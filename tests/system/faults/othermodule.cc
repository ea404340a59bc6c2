// A module of somebody else: OTHER.WRITE key value sets a string and tells nobody, OTHER.READ does nothing.
#include "module/redismodule.h"

namespace {

using sluice::module::Ctx;
using sluice::module::String;

template <typename Function>
void bind(Ctx* ctx, const char* name, Function& function) {
  // The first word of the context that OnLoad gets is the lookup function.
  using GetApi = int (*)(const char*, void*);
  reinterpret_cast<GetApi>(*reinterpret_cast<void**>(ctx))(name, static_cast<void*>(&function));
}

RedisModuleKey* (*open_key)(Ctx*, String*, int);
void (*close_key)(RedisModuleKey*);
int (*string_set)(RedisModuleKey*, String*);
int (*reply)(Ctx*, const char*);

int write(Ctx* ctx, String** argv, int argc) {
  if (argc != 3) return reply(ctx, "?");
  RedisModuleKey* key =
      open_key(ctx, argv[1], sluice::module::kOpenRead | sluice::module::kOpenWrite);
  string_set(key, argv[2]);
  close_key(key);
  return reply(ctx, "WRITTEN");
}

int read(Ctx* ctx, String** /*argv*/, int /*argc*/) {
  return reply(ctx, "READ");
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int RedisModule_OnLoad(
    RedisModuleCtx* ctx, RedisModuleString** /*argv*/, int /*argc*/) {
  void (*set_attribs)(Ctx*, const char*, int, int) = nullptr;
  int (*create)(Ctx*, const char*, sluice::module::CommandFunction, const char*, int, int, int) =
      nullptr;
  bind(ctx, "RedisModule_SetModuleAttribs", set_attribs);
  bind(ctx, "RedisModule_CreateCommand", create);
  bind(ctx, "RedisModule_OpenKey", open_key);
  bind(ctx, "RedisModule_CloseKey", close_key);
  bind(ctx, "RedisModule_StringSet", string_set);
  bind(ctx, "RedisModule_ReplyWithSimpleString", reply);
  set_attribs(ctx, "other", 1, sluice::module::kApiVersion);
  const bool is_made = create(ctx, "other.write", write, "write", 1, 1, 1) == sluice::module::kOk &&
                       create(ctx, "other.read", read, "readonly", 0, 0, 0) == sluice::module::kOk;
  return is_made ? sluice::module::kOk : sluice::module::kErr;
}
