// A world of regions for simulations: each a master, a replica and the log of the replication stream, joined by links.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crdt/commands_test.h"
#include "crdt/history_test.h"
#include "crdt/model_redis_test.h"
#include "crdt/region.h"

namespace sluice::crdt {

std::string text_of(const VersionVector& vector);
bool traces();  // SLUICE_SIM_TRACE=1: tell what happens

class Mesh {
 public:
  Mesh(std::uint64_t seed, std::size_t regions);

  // One random event: commands, deliveries, faults.
  void step();
  // Ends all faults and delivers everything. What is wrong then, or nothing.
  std::string heal_and_judge();

 private:
  struct Server {
    Server(RegionId id, RegionLimits limits) : region(id, limits) {}
    ModelRedis redis;
    Region region;
    std::size_t at = 0;                     // how much of the log it has
    std::deque<std::uint64_t> undescribed;  // native writes here that no batch has described
  };
  // What the replication stream holds: a native write, a batch, or a step of a merge.
  struct Entry {
    std::optional<Op> native = {};
    std::uint64_t number = 0;  // of the native write
    std::string batch = {};
    bool is_own = false;
    std::function<void(Server&)> step = {};
  };
  enum class Reads { kStream, kAof };
  struct Snapshot {
    ModelRedis redis;
    std::string region;
    std::size_t at = 0;
    std::deque<std::uint64_t> undescribed;
  };
  struct Link {
    std::size_t at = 0;
    bool is_cut = false;
    bool brings_foreign = true;
    int lacked = 0;  // how often something was missing
  };
  struct Site {
    RegionId id = 0;
    std::unique_ptr<Server> master, replica;
    std::vector<Entry> log;
    std::optional<Snapshot> snapshot;
    std::uint32_t incarnation = 0;
    std::uint64_t skew_ms = 0;
  };

  std::uint64_t now(const Site& site) const { return now_ms_ + site.skew_ms; }
  Link& link(const Site& from, const Site& to) { return links_[from.id * 32U + to.id]; }
  std::unique_ptr<Server> restored(const Site& site, const Snapshot& snapshot) const;
  static Snapshot taken(const Site& site);

  void command(Site& site);
  void flush(Site& site);
  void write(Site& site, const Op& op);
  void play(Site& site, Server& server, std::size_t entries, Reads reads = Reads::kStream);
  void restart(Site& site);
  void fail_over(Site& site);
  void take_over(Site& site, std::unique_ptr<Server> server);
  void lose_everything(Site& site, const Site& peer);
  void hear_leaves(const Site& from, Site& to);
  bool skip_or_wait(const Site& from, Site& to, Link& path);
  bool rejoin(Site& site, Site& peer);
  void merge_key(Site& site, const KeyName& key, const std::optional<ModelValue>& value);
  void merge_library(Site& site, const WriteLibrary& of_peer);
  bool merge_keys(Site& site, const ModelRedis& snapshot);
  void finish_merge(Site& site, Site& peer, const ModelRedis& snapshot);
  void is_heard_of(Site& site, std::uint64_t percent);
  void change_master(Site& site);
  void merge_step(Site& site, std::function<void(Server&)> step);
  void keep_sums(Site& site);
  std::string judge_sums();
  bool deliver(Site& from, Site& to);  // false: nothing, or not yet
  void fault(Site& site);
  std::size_t staying_without(const Site& site, const Site& gone) const;
  void settle();
  bool catch_up(Site& site);
  void enter(std::string_view batch, Server& server);
  std::string judge();
  std::string judge_books();
  void expect(bool holds, const std::string& what);

  Dice dice_;
  // When a server saves itself, in the middle of a turn or of a merge; its own, so that seeds keep their worlds.
  Dice saves_;
  bool may_lose_everything_ = false;
  bool may_depart_ = false, has_limit_ = false;
  std::uint64_t now_ms_ = 10'000'000;
  RegionLimits limits_;
  std::vector<Site> sites_;
  std::vector<Link> links_;
  History history_;
  // Which ops every native write has become.
  std::uint64_t native_writes_ = 0;
  std::map<std::uint64_t, std::set<Dot>> books_;
  bool are_books_void_ = false;  // by a rejoin, which tells writes anew
  std::string wrong_;
  // Of every member added by keep_sums(), in one transaction with an increment: whether it must be there in the end.
  std::map<std::string, bool> sums_;
  bool are_sums_void_ = false;  // by a FLUSHALL
};

}  // namespace sluice::crdt
