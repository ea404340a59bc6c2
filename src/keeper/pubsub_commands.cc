#include <fmt/format.h>

#include "keeper/handlers.h"

namespace sluice::keeper {
namespace {

using Names = std::set<std::string, std::less<>>;

// Of one session: names of channels and patterns together.
constexpr std::size_t kSubscriptionBytesMax = 1 << 20;

void confirm(Call& call, std::string_view what, std::string_view name) {
  call.reply.push(3);
  call.reply.bulk(what);
  call.reply.bulk(name);
  call.reply.count(call.session.subscriptions());
}

void join(Call& call, Names& names, std::string_view what) {
  for (const auto name : call.argv.subspan(1)) {
    if (!names.contains(name)) {
      if (call.session.subscription_bytes + name.size() > kSubscriptionBytesMax) {
        return call.reply.error("ERR too many subscriptions on one connection");
      }
      call.session.subscription_bytes += name.size();
      names.emplace(name);
    }
    confirm(call, what, name);
  }
}

void leave_one(Call& call, Names& names, std::string_view what, std::string_view name) {
  const auto found = names.find(name);
  if (found != names.end()) {
    call.session.subscription_bytes -= name.size();
    names.erase(found);
  }
  confirm(call, what, name);
}

void leave(Call& call, Names& names, std::string_view what) {
  for (const auto name : call.argv.subspan(1)) leave_one(call, names, what, name);
  if (call.argv.size() > 1) return;
  if (names.empty()) {
    call.reply.push(3);
    call.reply.bulk(what);
    call.reply.null();
    return call.reply.count(call.session.subscriptions());
  }
  while (!names.empty()) {
    const std::string name = *names.begin();
    leave_one(call, names, what, name);
  }
}

}  // namespace

namespace handlers {

void subscribe(Call& call) {
  join(call, call.session.channels, "subscribe");
}

void unsubscribe(Call& call) {
  leave(call, call.session.channels, "unsubscribe");
}

void psubscribe(Call& call) {
  join(call, call.session.patterns, "psubscribe");
}

void punsubscribe(Call& call) {
  leave(call, call.session.patterns, "punsubscribe");
}

void publish(Call& call) {
  call.action = Publish{std::string(call.argv[1]), std::string(call.argv[2])};
}

void pubsub_channels(Call& call) {
  if (call.argv.size() > 3) return call.reply.error(kSyntaxError);
  std::vector<std::string> names;
  for (auto& name : call.view.channels()) {
    if (call.argv.size() < 3 || matches_glob(call.argv[2], name)) names.push_back(std::move(name));
  }
  call.reply.array(names.size());
  for (const auto& name : names) call.reply.bulk(name);
}

void pubsub_numpat(Call& call) {
  call.reply.count(call.view.patterns());
}

void pubsub_numsub(Call& call) {
  const Argv names = call.argv.subspan(2);
  call.reply.array(2 * names.size());
  for (const auto name : names) {
    call.reply.bulk(name);
    call.reply.count(call.view.subscribers(name));
  }
}

}  // namespace handlers
}  // namespace sluice::keeper
