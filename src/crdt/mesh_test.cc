#include "crdt/mesh_test.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "crdt/effect_codec.h"

namespace sluice::crdt {

bool traces() {
  static const bool traces = std::getenv("SLUICE_SIM_TRACE") != nullptr;
  return traces;
}

namespace {

std::string text_of(std::string_view bytes) {
  const auto batch = decode_batch(bytes);
  const BatchHeader& header = batch->header;
  VersionVector context;
  VersionVector promise;
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

Mesh::Mesh(std::uint64_t seed, std::size_t regions) : dice_(seed), saves_(~seed), links_(32 * 32) {
  limits_.announce_interval_ms = 100;
  limits_.clock_ahead_max_ms = 3'600'000;
  may_lose_everything_ = dice_.chance(30);
  may_depart_ = !may_lose_everything_ && dice_.chance(60);
  has_limit_ = may_depart_ && dice_.chance(30);
  if (has_limit_) limits_.unstable_bytes_max = 2000 + dice_.below(20'000);
  limits_.away_min_ms = dice_.below(500);
  limits_.batch_ops_max = dice_.chance(20) ? 2 : 10'000;
  are_sums_void_ = limits_.batch_ops_max == 2;  // a failover may part a transaction
  for (std::size_t at = 0; at < regions; ++at) {
    Site& site = sites_.emplace_back();
    site.id = static_cast<RegionId>(at + 1);
    site.skew_ms = dice_.chance(50) ? 0 : dice_.below(300'000);
    site.master = std::make_unique<Server>(site.id, limits_);
    for (std::size_t peer = 0; peer < regions; ++peer)
      if (peer != at) site.master->region.join(static_cast<RegionId>(peer + 1), 0);
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
    flush(site);  // it may tell somebody to leave
    server.region.collect(dice_.below(8));
    flush(site);
  } else {
    fault(site);
  }
}

void Mesh::command(Site& site) {
  Server& master = *site.master;
  const auto at = now(site);
  if (dice_.chance(10)) keep_sums(site);
  const auto noted = [&](const Op& op) {
    are_sums_void_ = are_sums_void_ || std::holds_alternative<Flush>(op.effect);
    write(site, op);
  };
  if (master.region.is_half_merged()) {  // the module refuses to flush meanwhile
    if (saves_.chance(50)) return keep_sums(site);
    return Commands(master.redis, saves_, site.id, noted)
        .run(Family(saves_.below(static_cast<int>(Family::kWhole))), at);
  }
  Commands commands(master.redis, dice_, site.id, noted);
  for (auto in_transaction = dice_.chance(10) ? 3 : 1; in_transaction > 0; --in_transaction)
    commands.run(at);
  if (dice_.chance(70)) flush(site);
}

// It is done there already.
void Mesh::write(Site& site, const Op& op) {
  Server& master = *site.master;
  if (traces()) std::printf("%d writes %s\n", site.id, ModelRedis::text_of(op).c_str());
  master.region.note(op, master.redis, now(site));
  master.undescribed.push_back(++native_writes_);
  site.log.push_back({.native = op, .number = native_writes_});
}

void Mesh::flush(Site& site) {
  Server& master = *site.master;
  if (site.replica != nullptr) master.region.set_promise(site.replica->region.vector());
  const auto turn = [&] { return saves_.chance(5) ? Turn::kGoesOn : Turn::kEnds; };
  while (auto batch = master.region.flush(now(site), turn())) {
    if (traces()) std::printf("%d flushes %s\n", site.id, text_of(*batch).c_str());
    history_.add(*batch);
    enter(*batch, master);
    site.log.push_back({.batch = *std::move(batch), .is_own = true});
  }
  master.at = site.log.size();
}

// From an AOF a native write is noted only if no batch describes it.
void Mesh::play(Site& site, Server& server, std::size_t entries, Reads reads) {
  const auto last_own = std::ranges::find_if(site.log.rbegin(), site.log.rend(), &Entry::is_own);
  const auto described = static_cast<std::size_t>(site.log.rend() - last_own);
  for (; entries > 0 && server.at < site.log.size(); --entries) {
    const Entry& entry = site.log[server.at++];
    if (entry.native || entry.step || entry.is_own) server.region.show_sums(server.redis);
    if (entry.native) {
      if (entry.native->key.name == "books") ++entries;  // the increment of its transaction follows
      server.redis.execute(*entry.native);
      if (reads == Reads::kStream || server.at > described)
        server.region.note(*entry.native, server.redis, now(site));
      server.undescribed.push_back(entry.number);
    } else if (entry.step) {
      entry.step(server);
    } else if (entry.is_own) {
      enter(entry.batch, server);
      const auto misnoted = reads == Reads::kAof ? 0 : server.region.compare_noted(entry.batch);
      expect(misnoted == 0,
             "a replica noted otherwise than its master: " + server.region.misnoted());
      const auto recorded = server.region.record(entry.batch, server.redis, now(site));
      expect(recorded.has_value(), "a replica did not take its master's ops");
    } else {
      const auto outcome = server.region.apply(entry.batch, server.redis, now(site), Sums::kWait);
      expect(outcome && std::holds_alternative<Applied>(*outcome),
             "a replica did not apply what its master did: outcome " +
                 std::to_string(outcome ? outcome->index() : 99) + " of " + text_of(entry.batch));
    }
  }
  server.region.show_sums(server.redis);
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
      for (const Op& each : ops_of(*taken)) {
        if (!std::holds_alternative<Begin>(each.effect)) describes_next(former);
        ++former.seq;
      }
    } else if (!std::holds_alternative<Begin>(op.effect) &&
               !std::holds_alternative<Leave>(op.effect) &&
               !std::holds_alternative<Return>(op.effect)) {
      describes_next(dot);
    }
    ++dot.seq;
  }
}

bool Mesh::deliver(Site& from, Site& to) {
  Link& path = link(from, to);
  if (path.at >= from.log.size()) return false;
  const Entry& entry = from.log[path.at];
  if (entry.batch.empty() || (!entry.is_own && !path.brings_foreign)) return ++path.at, true;
  flush(to);
  const auto header = decode_header(entry.batch);
  CHECK(header);
  if (header->actor == to.master->region.self()) return ++path.at, true;
  const auto outcome = to.master->region.apply(entry.batch, to.master->redis, now(to));
  if (traces() && outcome && outcome->index() != 1)
    std::printf("%d: outcome %zu from %d's log of %s\n", to.id, outcome->index(), from.id,
                text_of(entry.batch).c_str());
  expect(outcome.has_value(), "a batch was malformed");
  if (!outcome) return false;
  if (std::holds_alternative<Applied>(*outcome))
    to.log.push_back({.batch = entry.batch});
  else if (std::holds_alternative<Gap>(*outcome) ||
           std::holds_alternative<ContextMissing>(*outcome)) {
    hear_leaves(from, to);
    path = {.brings_foreign = true, .lacked = path.lacked + 1};
    // A link that waits for something in vain asks for a snapshot.
    const auto* const missing = std::get_if<ContextMissing>(&*outcome);
    const Dot lacked = missing == nullptr ? std::get<Gap>(*outcome).expected : missing->needed;
    if (path.lacked > 50 && to.master->region.lacks(lacked))
      to.master->region.detach(to.id, now(to));
    flush(to);
    return false;
  } else if (!std::holds_alternative<Duplicate>(*outcome)) {
    expect(!std::holds_alternative<ClockAhead>(*outcome), "a clock was refused");
    flush(to);
    return skip_or_wait(from, to, path);
  }
  return ++path.at, true;
}

// Ops that are refused for good are passed over once their maker has begun anew, others' at once.
bool Mesh::skip_or_wait(const Site& from, Site& to, Link& path) {
  const auto refused = decode_header(from.log[path.at].batch)->actor;
  bool is_over = refused.region != from.id;
  for (auto at = path.at; at < from.log.size() && !is_over; ++at) {
    if (from.log[at].batch.empty()) continue;
    const auto later = decode_header(from.log[at].batch)->actor;
    is_over = later.region == refused.region && later.incarnation > refused.incarnation;
  }
  if (is_over) return ++path.at, true;
  hear_leaves(from, to);
  return false;
}

// A link sends several batches at once: who is told to leave hears of it, although he takes nothing of what comes before.
void Mesh::hear_leaves(const Site& from, Site& to) {
  for (auto at = link(from, to).at; at < from.log.size(); ++at) {
    const std::string& bytes = from.log[at].batch;
    if (!from.log[at].is_own || decode_header(bytes)->count != 1) continue;
    const auto batch = decode_batch(bytes);
    const auto* const leave = std::get_if<Leave>(&batch->ops.front().effect);
    if (leave == nullptr || leave->region != to.id) continue;
    flush(to);
    const auto outcome = to.master->region.apply(bytes, to.master->redis, now(to));
    if (outcome && std::holds_alternative<Applied>(*outcome)) to.log.push_back({.batch = bytes});
    flush(to);
  }
}

void Mesh::keep_sums(Site& site) {
  Server& master = *site.master;
  const std::string name = std::to_string(site.id) + "." + std::to_string(sums_.size());
  for (Op op : {Op{{0, "books"}, AddMembers{{name}}}, Op{{0, "sum"}, Increment{1}}}) {
    op.creates = master.redis.type(op.key) == ValueType::kNone;
    master.redis.execute(op);
    write(site, op);
  }
  sums_[name] = true;
}

// Whom a Leave of `gone` by `site` would count: not who has been silent.
std::size_t Mesh::staying_without(const Site& site, const Site& gone) const {
  const Region& region = site.master->region;
  const auto away = region.detached();
  return 1 + static_cast<std::size_t>(std::ranges::count_if(sites_, [&](const Site& each) {
           const bool is_away =
               &each == &site || &each == &gone || std::ranges::count(away, each.id) > 0;
           return !is_away && now(site) - region.heard_ms(each.id) < limits_.away_min_ms / 2;
         }));
}

void Mesh::fault(Site& site) {
  Site& other = sites_[dice_.below(sites_.size())];
  if (site.master->region.must_rejoin() && dice_.chance(50) && &other != &site)
    return (void)rejoin(site, other);
  if (may_depart_ && dice_.chance(10)) {
    // Two that detach each other forget what nobody can count, unless the parts that stay have a member in common.
    // At its limit the greater half does so by itself.
    const bool is_majority = 2 * staying_without(site, other) > sites_.size();
    if (!is_majority && has_limit_ && other.id == 1 && site.id != 1) return;
    for (Site& each : sites_)
      if (!is_majority &&
          (!each.master->region.detached().empty() || each.master->region.must_rejoin()))
        return;
    flush(site);
    site.master->region.detach(other.id, now(site));
    return flush(site);
  }
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
    case 6:
      return restart(site);
    case 8:
      if (&other == &site) return;
      flush(other);
      play(other, *other.replica, other.log.size());  // what a snapshot holds no failover may lose
      return lose_everything(site, other);
    default:
      return fail_over(site);
  }
}

// From a snapshot and the log after it.
void Mesh::restart(Site& site) {
  if (!site.snapshot) return;
  auto server = restored(site, *site.snapshot);
  play(site, *server, site.log.size(), Reads::kAof);
  take_over(site, std::move(server));
}

// What the replica had not yet is lost here.
void Mesh::fail_over(Site& site) {
  // Native writes whose batch a peer has, and the replica not, are made twice: not in the books.
  if (site.replica->at > 0 && site.log[site.replica->at - 1].native) are_sums_void_ = true;
  for (auto at = site.replica->at; at < site.log.size(); ++at) {
    const auto& native = site.log[at].native;
    if (native && native->key.name == "books")
      sums_[std::get<AddMembers>(native->effect).members.front()] = false;
  }
  site.log.resize(site.replica->at);
  take_over(site, std::move(site.replica));
}

void Mesh::take_over(Site& site, std::unique_ptr<Server> server) {
  if (traces())
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

// Whether anything has come to it, or from it.
bool Mesh::catch_up(Site& site) {
  bool moves = false;
  const auto before = site.log.size();
  for (Site& peer : sites_)
    if (site.master->region.must_rejoin() && &peer != &site && rejoin(site, peer)) moves = true;
  flush(site);
  play(site, *site.replica, site.log.size());
  for (Site& from : sites_)
    for (int left = 10'000; left > 0 && &from != &site && deliver(from, site); --left) moves = true;
  return moves || site.log.size() != before || site.master->region.has_unflushed();
}

void Mesh::settle() {
  for (Link& path : links_) path = {};
  constexpr int kQuietRounds = 3;  // links go back to look for what was missing
  for (int quiet = 0, rounds = 0; quiet < kQuietRounds;) {
    bool moves = false;
    if (++rounds == 1000) return expect(false, "does not come to rest");
    now_ms_ += 1000;
    for (Site& site : sites_) moves = catch_up(site) || moves;
    for (Site& site : sites_) {  // it may tell somebody to leave
      const auto before = site.log.size();
      if (moves && rounds % 8 != 0) break;
      site.master->region.collect(8);
      flush(site);
      moves = moves || site.log.size() != before;
    }
    if (!wrong_.empty()) return;
    quiet = moves ? 0 : quiet + 1;
  }
}

}  // namespace sluice::crdt
