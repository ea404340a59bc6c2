#include "module/redismodule.h"

namespace sluice::module::api {

// NOLINTBEGIN(cppcoreguidelines-macro-usage,cppcoreguidelines-avoid-non-const-global-variables)
#define SLUICE_DEFINE(result, name, parameters) result(*name) parameters = nullptr;
SLUICE_MODULE_FUNCTIONS(SLUICE_DEFINE)
SLUICE_MODULE_OPTIONAL_FUNCTIONS(SLUICE_DEFINE)
#undef SLUICE_DEFINE

// The first word of the context that OnLoad gets is the lookup function, by the ABI.
const char* bind(Ctx* ctx) {
  using GetApi = int (*)(const char*, void*);
  void* first = *reinterpret_cast<void**>(ctx);
  const GetApi get = reinterpret_cast<GetApi>(first);
#define SLUICE_BIND(result, name, parameters) \
  if (get("RedisModule_" #name, static_cast<void*>(&name)) != kOk) return #name;
  SLUICE_MODULE_FUNCTIONS(SLUICE_BIND)
#undef SLUICE_BIND
#define SLUICE_BIND(result, name, parameters) get("RedisModule_" #name, static_cast<void*>(&name));
  SLUICE_MODULE_OPTIONAL_FUNCTIONS(SLUICE_BIND)
#undef SLUICE_BIND
  return nullptr;
}
// NOLINTEND(cppcoreguidelines-macro-usage,cppcoreguidelines-avoid-non-const-global-variables)

}  // namespace sluice::module::api
