#include "crdt/mesh_test.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "crdt/effect_codec.h"

// SLUICE_SIM_TRACE=1 tells what happens.

namespace sluice::crdt {
namespace {

const bool kTraces = std::getenv("SLUICE_SIM_TRACE") != nullptr;

std::string text_of(const VersionVector& vector) {
  std::string text;
  for (const Dot& dot : vector.entries())
    text += " " + std::to_string(dot.actor.region) + "." + std::to_string(dot.actor.incarnation) +
            ":" + std::to_string(dot.seq);
  return text;
}

std::string text_of(std::string_view bytes) {
  const auto batch = decode_batch(bytes);
  const BatchHeader& header = batch->header;
  VersionVector context, promise;
  for (const Dot& dot : header.context) context.advance(dot);
  for (const Dot& dot : header.promise) promise.advance(dot);
  std::string text = std::to_string(header.actor.region) + "." +
                     std::to_string(header.actor.incarnation) + ":" + std::to_string(header.first) +
                     "+" + std::to_string(header.count) + " at " + std::to_string(header.hlc.bits) +
                     " seen" + text_of(context) + " promised" + text_of(promise);
  for (const Op& op : batch->ops) text += "\n      " + ModelRedis::text_of(op);
  return text;
}

}  // namespace

Mesh::Mesh(std::uint64_t seed, std::size_t regions) : dice_(seed), links_(32 * 32) {
  limits_.announce_interval_ms = 100;
  limits_.clock_ahead_max_ms = 3'600'000;
  may_lose_everything_ = dice_.chance(30);
  limits_.batch_ops_max = dice_.chance(20) ? 2 : 10'000;
  for (std::size_t at = 0; at < regions; ++at) {
    Site& site = sites_.emplace_back();
    site.id = static_cast<RegionId>(at + 1);
    site.skew_ms = dice_.chance(50) ? 0 : dice_.below(300'000);
    site.master = std::make_unique<Server>(site.id, limits_);
    for (std::size_t peer = 0; peer < regions; ++peer)
      if (peer != at) site.master->region.join(static_cast<RegionId>(peer + 1));
    site.master->region.begin_incarnation(++site.incarnation);
    flush(site);
    site.replica = restored(site, taken(site));
  }
}

void Mesh::expect(bool holds, const std::string& what) {
  if (!holds && wrong_.empty()) wrong_ = what;
}

Mesh::Snapshot Mesh::taken(const Site& site) {
  return {site.master->redis, site.master->region.save(), site.log.size(),
          site.master->undescribed};
}

std::unique_ptr<Mesh::Server> Mesh::restored(const Site& site, const Snapshot& snapshot) const {
  auto server = std::make_unique<Server>(site.id, limits_);
  server->redis = snapshot.redis;
  CHECK(server->region.load(snapshot.region).has_value());
  server->at = snapshot.at;
  server->undescribed = snapshot.undescribed;
  return server;
}

void Mesh::step() {
  now_ms_ += dice_.below(20);
  Site& site = sites_[dice_.below(sites_.size())];
  const auto kind = dice_.below(100);
  if (kind < 45) {
    command(site);
  } else if (kind < 55) {
    flush(site);
  } else if (kind < 85) {
    Site& from = sites_[dice_.below(sites_.size())];
    if (&from == &site || link(from, site).is_cut) return;
    for (auto left = 1 + dice_.below(10); left > 0 && deliver(from, site);) --left;
  } else if (kind < 90) {
    play(site, *site.replica, dice_.below(10));
  } else if (kind < 95) {
    Server& server = dice_.chance(50) ? *site.master : *site.replica;
    server.region.collect(dice_.below(8));
  } else {
    fault(site);
  }
}

void Mesh::command(Site& site) {
  Server& master = *site.master;
  const auto at = now(site);
  Commands commands(master.redis, dice_, site.id, [&](const Op& op) {
    master.region.note(op, master.redis, at);
    master.undescribed.push_back(++native_writes_);
    site.log.push_back({.native = op, .number = native_writes_});
  });
  for (auto in_transaction = dice_.chance(10) ? 3 : 1; in_transaction > 0; --in_transaction)
    commands.run(at);
  if (dice_.chance(70)) flush(site);
}

void Mesh::flush(Site& site) {
  Server& master = *site.master;
  if (site.replica != nullptr) master.region.set_promise(site.replica->region.vector());
  while (auto batch = master.region.flush(now(site))) {
    if (kTraces) std::printf("%d flushes %s\n", site.id, text_of(*batch).c_str());
    history_.add(*batch);
    enter(*batch, master);
    site.log.push_back({.batch = *std::move(batch), .is_own = true});
  }
  master.at = site.log.size();
}

void Mesh::play(Site& site, Server& server, std::size_t entries) {
  for (; entries > 0 && server.at < site.log.size(); --entries) {
    const Entry& entry = site.log[server.at++];
    if (entry.native) {
      server.redis.execute(*entry.native);
      server.region.note(*entry.native, server.redis, now(site));
      server.undescribed.push_back(entry.number);
    } else if (entry.is_own) {
      enter(entry.batch, server);
      const auto recorded = server.region.record(entry.batch, server.redis, now(site));
      expect(recorded.has_value(), "a replica did not take its master's ops");
    } else {
      const auto outcome = server.region.apply(entry.batch, server.redis, now(site));
      expect(outcome && std::holds_alternative<Applied>(*outcome),
             "a replica did not apply what its master did: outcome " +
                 std::to_string(outcome ? outcome->index() : 99) + " of " + text_of(entry.batch));
    }
  }
}

// Ops describe native writes in their order, each one.
void Mesh::enter(std::string_view bytes, Server& server) {
  const auto batch = decode_batch(bytes);
  CHECK(batch);
  const auto describes_next = [&](const Dot& dot) {
    if (server.undescribed.empty()) return;
    books_[server.undescribed.front()].insert(dot);
    server.undescribed.pop_front();
  };
  Dot dot{batch->header.actor, batch->header.first};
  for (const Op& op : batch->ops) {
    if (const auto* const taken = std::get_if<TakeOver>(&op.effect)) {
      Dot former{{dot.actor.region, taken->former}, taken->first};
      for (auto left = ops_of(*taken).size(); left > 0; --left, ++former.seq)
        describes_next(former);
    } else if (!std::holds_alternative<Begin>(op.effect)) {
      describes_next(dot);
    }
    ++dot.seq;
  }
}

bool Mesh::deliver(Site& from, Site& to) {
  Link& path = link(from, to);
  if (path.at >= from.log.size()) return false;
  const Entry& entry = from.log[path.at];
  if (entry.native || (!entry.is_own && !path.brings_foreign)) return ++path.at, true;
  flush(to);
  const auto header = decode_header(entry.batch);
  CHECK(header);
  if (header->actor == to.master->region.self()) return ++path.at, true;
  const auto outcome = to.master->region.apply(entry.batch, to.master->redis, now(to));
  if (kTraces && outcome && outcome->index() != 1)
    std::printf("%d: outcome %zu from %d's log of %s\n", to.id, outcome->index(), from.id,
                text_of(entry.batch).c_str());
  expect(outcome.has_value(), "a batch was malformed");
  if (!outcome) return false;
  if (std::holds_alternative<Applied>(*outcome))
    to.log.push_back({.batch = entry.batch});
  else if (std::holds_alternative<Gap>(*outcome) ||
           std::holds_alternative<ContextMissing>(*outcome)) {
    path = {.brings_foreign = true};
    return false;
  } else {
    expect(std::holds_alternative<Duplicate>(*outcome),
           "a batch was refused: outcome " + std::to_string(outcome->index()));
  }
  return ++path.at, true;
}

void Mesh::fault(Site& site) {
  Site& other = sites_[dice_.below(sites_.size())];
  switch (dice_.below(may_lose_everything_ ? 9 : 8)) {
    case 0:
    case 1:
      link(other, site).is_cut = true;
      return;
    case 2:
      link(other, site).is_cut = false;
      return;
    case 3:
      link(other, site).brings_foreign = false;
      return;
    case 4:
      site.skew_ms = dice_.below(300'000);
      return;
    case 5:
      site.snapshot = taken(site);
      return;
    case 6: {  // a restart from a snapshot and the log after it
      if (!site.snapshot) return;
      auto server = restored(site, *site.snapshot);
      play(site, *server, site.log.size());
      return take_over(site, std::move(server));
    }
    case 8:
      if (&other == &site) return;
      flush(other);
      play(other, *other.replica, other.log.size());  // what a snapshot holds no failover may lose
      return lose_everything(site, other);
    default:  // a failover: what the replica had not yet is lost here
      site.log.resize(site.replica->at);
      return take_over(site, std::move(site.replica));
  }
}

void Mesh::take_over(Site& site, std::unique_ptr<Server> server) {
  if (kTraces)
    std::printf("%d begins %u with%s\n", site.id, site.incarnation + 1,
                text_of(server->region.vector()).c_str());
  site.master = std::move(server);
  if (site.snapshot && site.snapshot->at > site.log.size()) site.snapshot.reset();
  site.master->region.begin_incarnation(++site.incarnation);
  for (Site& peer : sites_) {
    Link& reading = link(site, peer);
    reading.at = std::min(reading.at, site.log.size());
    link(peer, site) = {.is_cut = link(peer, site).is_cut};
  }
  flush(site);  // before any write: whoever follows must know whose writes they are
  site.replica = restored(site, taken(site));
  // The replica loaded what its master had noted but not flushed: it comes as a batch, without native writes.
}

// Master, replica and log are gone: it begins again with a peer's snapshot. Once in a world: what it then has is in
// the peer's log only.
void Mesh::lose_everything(Site& site, const Site& peer) {
  if (kTraces) std::printf("%d loses everything, and takes %d's snapshot\n", site.id, peer.id);
  may_lose_everything_ = false;
  auto server = std::make_unique<Server>(site.id, limits_);
  const ModelRedis snapshot = peer.master->redis;
  expect(server->region.begin_merge(peer.master->region.save(), false).has_value(),
         "a snapshot was refused");
  for (const auto& [key, value] : snapshot.keys)
    server->region.merge_key(
        key, [&] { server->redis.keys[key] = value; }, server->redis, now(site));
  server->redis.libraries = snapshot.libraries;
  server->region.finish_merge(++site.incarnation, server->redis, now(site));
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

void Mesh::settle() {
  for (Link& path : links_) path = {};
  for (bool moves = true; moves;) {
    moves = false;
    now_ms_ += 1000;
    for (Site& site : sites_) {
      const auto before = site.log.size();
      flush(site);
      play(site, *site.replica, site.log.size());
      for (Site& from : sites_)
        while (&from != &site && deliver(from, site)) moves = true;
      moves = moves || site.log.size() != before;
    }
    if (!wrong_.empty()) return;
  }
}

std::string Mesh::heal_and_judge() {
  settle();
  if (wrong_.empty()) wrong_ = judge();
  if (wrong_.empty()) wrong_ = judge_books();
  return wrong_;
}

// Each native write that was not lost is one op.
std::string Mesh::judge_books() {
  const VersionVector& vector = sites_.front().master->region.vector();
  const auto is_everywhere = [&](const Dot& dot) { return vector.covers(dot); };
  for (const auto& [write, ops] : books_)
    if (std::ranges::count_if(ops, is_everywhere) > 1)
      return "write " + std::to_string(write) + " counts twice";
  for (const Site& site : sites_)
    for (const Entry& entry : site.log)
      if (entry.native && std::ranges::none_of(books_[entry.number], is_everywhere))
        return "write " + std::to_string(entry.number) + " is lost";
  return "";
}

std::string Mesh::judge() {
  const VersionVector& vector = sites_.front().master->region.vector();
  const ModelRedis expected = history_.projection(vector);
  for (Site& site : sites_) {
    const std::string name = "region " + std::to_string(site.id) + " ";
    if (site.master->region.vector() != vector) return name + "lacks ops";
    if (!(site.master->redis == expected))
      return name + "differs from the definition:\n" +
             ModelRedis::difference(site.master->redis, expected);
    if (!(site.replica->redis == expected))
      return name + "'s replica differs from its master:\n" +
             ModelRedis::difference(site.replica->redis, expected);
    for (Server* const server : {site.master.get(), site.replica.get()}) {
      while (server->region.collect(5)) {
      }
      const auto stats = server->region.stats();
      if (stats.unstable_keys != 0)
        return name + "keeps " + std::to_string(stats.unstable_keys) + " keys for ever; stable is" +
               text_of(server->region.stable()) + " of" + text_of(vector);
      if (!(server->redis == expected)) return name + "changed by forgetting";
    }
    if (site.master->region.save() != site.replica->region.save())
      return name + "has other metadata than its replica";
  }
  return "";
}

}  // namespace sluice::crdt
