#include "module/adoption.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "crdt/region.h"
#include "module/command_words.h"
#include "module/keyspace.h"

namespace sluice::module {

namespace {

// Of one portion: a tenth of a second's, since a tick comes ten times in one.
constexpr std::uint64_t kKeysPerPortion = 500;
constexpr std::uint64_t kPortionMs = 10;

}  // namespace

void Adoption::end() {
  is_due_ = false;
  sweep_.restart();
}

Adoption::Portion Adoption::next(Ctx* ctx, const crdt::Region& region, RedisKeyspace& keyspace) {
  Portion portion;
  const auto until = steady_ms() + kPortionMs;
  while (!portion.is_last && steady_ms() < until &&
         portion.old_ops.size() + portion.writes.size() < kKeysPerPortion) {
    std::vector<crdt::KeyName> keys;
    portion.is_last = !sweep_.next(ctx, kKeysPerPortion / 10,
                                   [&](crdt::KeyName key) { keys.push_back(std::move(key)); });
    for (const auto& key : keys) {
      if (region.knows(key)) {
        auto untold = region.untold(key, keyspace);
        if (untold.empty()) continue;
        std::ranges::move(untold, std::back_inserter(portion.writes));
      } else {
        Observer::whole_value(key, keyspace, portion.old_ops);
      }
      ++adopted_;
    }
  }
  return portion;
}

}  // namespace sluice::module
