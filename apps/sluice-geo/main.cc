// The entry of sluice-geo.so, by the module ABI: the only symbol that the server sees.
#include "module/load.h"

extern "C" __attribute__((visibility("default"))) int RedisModule_OnLoad(RedisModuleCtx* ctx,
                                                                         RedisModuleString** argv,
                                                                         int argc) {
  return sluice::module::load(ctx, argv, argc);
}
