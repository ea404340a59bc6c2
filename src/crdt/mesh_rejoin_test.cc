// Regions of a simulation that take a peer's snapshot.
#include <cstdio>
#include <memory>
#include <utility>

#include "base/check.h"
#include "crdt/mesh_test.h"

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
  end_rejoin(site, is_whole);
  return true;
}

// False: cut off.
bool Mesh::merge_keys(Site& site, const ModelRedis& snapshot) {
  if (saves_.chance(30)) site.snapshot = taken(site);
  for (const auto& [key, value] : snapshot.keys) {
    merge_step(site, [key, value, at = now(site)](Server& server) {
      server.region.merge_key(key, [&] { server.redis.keys[key] = value; }, server.redis, at);
    });
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
  merge_step(site, [libraries = snapshot.libraries, at = now(site)](Server& server) {
    server.redis.libraries = libraries;
    server.region.merge_rest(server.redis, at);
  });
  merge_step(site, [incarnation = ++site.incarnation](Server& server) {
    server.region.finish_merge(incarnation);
  });
  for (Site& other : sites_) link(other, site) = {.is_cut = link(other, site).is_cut};
}

// Perhaps somebody takes over.
void Mesh::end_rejoin(Site& site, bool is_whole) {
  // The other hears of the return before the replica. (Of several some may hear of it and some not: docs/operating-geo.md.)
  if (is_whole && sites_.size() == 2 && saves_.chance(5)) {
    for (Site& other : sites_)
      for (int left = 30; left > 0 && &other != &site && deliver(site, other); --left) {
      }
    return fail_over(site);
  }
  if (is_whole) play(site, *site.replica, site.log.size());
  if (!dice_.chance(20) && !(is_whole ? saves_.chance(10) : saves_.chance(50))) return;
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
  expect(server->region.begin_merge(peer.master->region.save(), {.is_unchecked = true}).has_value(),
         "a snapshot was refused");
  for (const auto& [key, value] : snapshot.keys)
    server->region.merge_key(
        key, [&] { server->redis.keys[key] = value; }, server->redis, now(site));
  server->redis.libraries = snapshot.libraries;
  server->region.merge_rest(server->redis, now(site));
  server->region.finish_merge(++site.incarnation);
  server->region.begin_incarnation(site.incarnation);
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
