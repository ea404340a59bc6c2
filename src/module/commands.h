// The commands that the module adds: GEO.* for links and operators, and those that stand in for others.
#pragma once

#include <algorithm>
#include <exception>
#include <string>

#include "module/redismodule.h"

namespace sluice::module {

// A command function whose exceptions end here: none may cross the C ABI.
template <int (*kRun)(Ctx*, String**, int)>
int guarded(Ctx* ctx, String** argv, int argc) noexcept {
  try {
    return kRun(ctx, argv, argc);
  } catch (const std::exception& e) {
    api::Log(ctx, "warning", "sluice-geo: %s", e.what());
    return api::ReplyWithError(ctx, "ERR sluice-geo failed inside: see the server's log");
  }
}

// The server sends it as it is: names of keys and links may hold what would end the line.
inline int reply_error(Ctx* ctx, std::string text) {
  std::ranges::replace(text, '\r', ' ');
  std::ranges::replace(text, '\n', ' ');
  return api::ReplyWithError(ctx, text.c_str());
}

int geo_merge(Ctx* ctx, String** argv, int argc);

// false, with a line in the log, if the server takes one of them not.
bool register_geo_commands(Ctx* ctx);
bool register_replaced_commands(Ctx* ctx);

}  // namespace sluice::module
