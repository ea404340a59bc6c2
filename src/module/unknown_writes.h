// The commands of this server that write and have no row in the command table: those of newer servers and of other modules.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "module/redismodule.h"

namespace sluice::module {

// Nobody knows whether an event tells what they write: run as they are, they could make regions differ in silence.
class UnknownWrites {
 public:
  // Asks the server for all its commands; again when another module has come or gone.
  void learn(Ctx* ctx);
  bool empty() const { return names_.empty(); }
  // By the first two words of a command, in any case; `second` is empty if there is none.
  bool contains(std::string_view name, std::string_view second) const;

 private:
  void learn_from(RedisModuleCallReply* commands);

  std::set<std::string, std::less<>> names_;  // in lower case, a subcommand behind a "|"
};

// The command that answers in their place; the name of the one that was asked for is its first argument.
inline constexpr char kRefuseUnknown[] = "geo.refuse";

}  // namespace sluice::module
