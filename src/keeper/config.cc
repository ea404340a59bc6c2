#include "keeper/config.h"

#include "base/overloaded.h"

namespace sluice {
namespace {

using keeper::RefreshOff;
using keeper::RefreshPrivately;
using keeper::SnapshotRefresh;

std::string refresh_text(const SnapshotRefresh& value, std::string (*url)(const base::RedisUrl&)) {
  return std::visit(Overloaded{[](RefreshPrivately) { return std::string("private"); },
                               [](RefreshOff) { return std::string("off"); },
                               [&](const base::RedisUrl& replica) { return url(replica); }},
                    value);
}

}  // namespace

Result<SnapshotRefresh> base::Codec<SnapshotRefresh>::parse(std::string_view text) {
  if (text == "private") return RefreshPrivately{};
  if (text == "off") return RefreshOff{};
  auto replica = parse_redis_url(text);
  if (!replica) {
    return fail(Errc::kRejected, "neither private nor off, and " + replica.error().detail);
  }
  return SnapshotRefresh{*std::move(replica)};
}

std::string base::Codec<SnapshotRefresh>::write(const SnapshotRefresh& value) {
  return refresh_text(value, base::with_password);
}

std::string base::Codec<SnapshotRefresh>::show(const SnapshotRefresh& value) {
  return refresh_text(value, base::to_string);
}

namespace keeper {

std::vector<User> users_of(const ShardConfig& shard) {
  std::vector<User> users;
  for (const auto& user : shard.users) {
    const auto colon = user.find(':');
    CHECK(colon != std::string::npos);
    users.push_back({user.substr(0, colon), user.substr(colon + 1)});
  }
  return users;
}

}  // namespace keeper
}  // namespace sluice
