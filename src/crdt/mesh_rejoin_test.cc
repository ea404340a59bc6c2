// Regions of a simulation that take a peer's snapshot.
#include <cstdio>
#include <memory>
#include <utility>

#include "base/check.h"
#include "crdt/mesh_test.h"
#include "crdt/region_test.h"

namespace sluice::crdt {

// A region that has left takes a peer's snapshot; perhaps only half of it. Meanwhile it may be saved, its replica
// follows or begins anew, and somebody takes over.
bool Mesh::rejoin(Site& site, Site& peer) {
  flush(peer);
  play(peer, *peer.replica, peer.log.size());
  now_ms_ += 200;
  flush(peer);
  flush(site);
  const ModelRedis snapshot = peer.master->redis;
  const std::string saved = peer.master->region.save();
  if (const auto begun = site.master->region.begin_merge(saved, {}); !begun) {
    if (traces())
      std::printf("%d may not rejoin by %d's snapshot: %s\n", site.id, peer.id,
                  begun.error().detail.c_str());
    return false;
  }
  if (traces()) std::printf("%d rejoins by %d's snapshot\n", site.id, peer.id);
  are_books_void_ = true;
  site.log.push_back({.step = [this, saved](Server& server) {
    expect(server.region.begin_merge(saved, {}).has_value(), "a follower refused a snapshot");
  }});
  const bool is_whole = merge_keys(site, snapshot);
  if (is_whole) finish_merge(site, peer, snapshot);
  flush(site);
  if (!is_whole) {
    if (saves_.chance(50) || dice_.chance(20)) change_master(site);
    return true;
  }
  if (saves_.chance(10)) return is_heard_of(site, 90), fail_over(site), true;
  // The replica seldom needs so long that the master goes on; then some may hear of it and some not.
  const bool is_slow = saves_.chance(10);
  if (!is_slow) play(site, *site.replica, site.log.size());
  site.master->region.tell_all();
  flush(site);
  if (is_slow) return is_heard_of(site, 70), fail_over(site), true;
  if (saves_.chance(10)) return is_heard_of(site, 90), fail_over(site), true;
  if (dice_.chance(20) || saves_.chance(10)) change_master(site);
  return true;
}

// What the snapshot has of a key, if anything.
void Mesh::merge_key(Site& site, const KeyName& key, const std::optional<ModelValue>& value) {
  flush(site);
  const auto write_to = [key, value](Server& server) {
    if (value) server.redis.keys[key] = *value;
  };
  Server& master = *site.master;
  const auto kept =
      master.region.merge_key(key, [&] { write_to(master); }, master.redis, now(site));
  if (traces())
    std::printf("%d merges %u:%s, keeps %zu bytes\n", site.id, key.db, key.name.c_str(),
                kept.size());
  site.log.push_back({.step = [this, key, kept, write_to](Server& server) {
    const auto followed =
        server.region.follow_merge_key(key, kept, [&] { write_to(server); }, server.redis);
    expect(followed.has_value(), "a follower refused a key of a snapshot");
  }});
}

void Mesh::merge_library(Site& site, const WriteLibrary& of_peer) {
  flush(site);
  const auto code_of = [name = of_peer.name](const Server& server) {
    const auto found = server.redis.libraries.find(name);
    return found == server.redis.libraries.end() ? std::string() : found->second;
  };
  Server& master = *site.master;
  const auto kept = master.region.merge_library(of_peer, code_of(master), master.redis);
  site.log.push_back({.step = [this, of_peer, kept, code_of](Server& server) {
    const auto followed =
        server.region.follow_merge_library(of_peer, code_of(server), kept, server.redis);
    expect(followed.has_value(), "a follower refused a library of a snapshot");
  }});
}

// False: cut off.
bool Mesh::merge_keys(Site& site, const ModelRedis& snapshot) {
  if (saves_.chance(30)) site.snapshot = taken(site);
  for (const auto& [key, value] : snapshot.keys) {
    merge_key(site, key, value);
    if (dice_.chance(10) || saves_.chance(20)) command(site);
    if (saves_.chance(5)) site.snapshot = taken(site);
    if (saves_.chance(5)) site.replica = restored(site, taken(site));
    play(site, *site.replica, saves_.below(4));
    if (dice_.chance(5)) return false;
  }
  return true;
}

void Mesh::finish_merge(Site& site, Site& peer, const ModelRedis& snapshot) {
  for (auto at = peer.log.size() - 1; !site.master->region.is_merge_complete(); ++at) {
    now_ms_ += 200;
    flush(peer);
    play(peer, *peer.replica, peer.log.size());
    if (at >= peer.log.size() || peer.log[at].batch.empty()) continue;
    merge_step(site, [this, batch = peer.log[at].batch](Server& server) {
      expect(server.region.merge_stream(batch).has_value(), "merge_stream");
    });
  }
  for (const auto& [name, code] : snapshot.libraries) merge_library(site, {name, code});
  merge_step(site, [](Server& server) { server.region.begin_sweep(); });
  for (const auto& [key, value] : ModelRedis(site.master->redis).keys) {
    if (!site.master->region.is_merged(key)) merge_key(site, key, std::nullopt);
    if (saves_.chance(20)) command(site);
  }
  while (const auto late = site.master->region.take_late()) merge_key(site, *late, std::nullopt);
  for (const auto& [name, code] : std::map(site.master->redis.libraries))
    if (!site.master->region.is_library_merged(name)) merge_library(site, {name, ""});
  flush(site);
  const auto base = site.master->region.finish_merge(++site.incarnation);
  site.log.push_back({.step = [incarnation = site.incarnation, base](Server& server) {
    server.region.follow_finish_merge(incarnation, base);
  }});
  for (Site& other : sites_) link(other, site) = {.is_cut = link(other, site).is_cut};
}

// By others, as far as chance will have it.
void Mesh::is_heard_of(Site& site, std::uint64_t percent) {
  for (Site& other : sites_)
    for (int left = 30; left > 0 && &other != &site && saves_.chance(percent); --left)
      if (!deliver(site, other)) break;
}

void Mesh::change_master(Site& site) {
  switch (saves_.below(3)) {
    case 0:
      return take_over(site, restored(site, taken(site)));
    case 1:
      return restart(site);
    default:
      return fail_over(site);
  }
}

// What is written before a step is told before it.
void Mesh::merge_step(Site& site, std::function<void(Server&)> step) {
  flush(site);
  step(*site.master);
  site.log.push_back({.step = std::move(step)});
}

// Master, replica and log are gone: it begins again with a peer's snapshot. Once in a world: what it then has is in
// the peer's log only.
void Mesh::lose_everything(Site& site, const Site& peer) {
  if (traces()) std::printf("%d loses everything, and takes %d's snapshot\n", site.id, peer.id);
  may_lose_everything_ = false;
  are_books_void_ = true;
  are_sums_void_ = true;
  auto server = std::make_unique<Server>(site.id, limits_);
  const ModelRedis snapshot = peer.master->redis;
  server->region.begin_incarnation(++site.incarnation);
  (void)server->region.flush(now(site));  // nobody hears of that life
  expect(server->region.begin_merge(peer.master->region.save(), {.is_unchecked = true}).has_value(),
         "a snapshot was refused");
  for (const auto& [key, value] : snapshot.keys)
    server->region.merge_key(
        key, [&] { server->redis.keys[key] = value; }, server->redis, now(site));
  server->redis.libraries = snapshot.libraries;
  merge_rest(server->region, server->redis, now(site));
  server->region.finish_merge(++site.incarnation);
  server->region.tell_all();
  site.log.clear();
  site.snapshot.reset();
  site.master = std::move(server);
  site.replica.reset();
  flush(site);
  for (Site& other : sites_) {
    link(site, other).at = 0;
    link(other, site) = {.is_cut = link(other, site).is_cut};
  }
  site.replica = restored(site, taken(site));
}

}  // namespace sluice::crdt
