// Regions on this machine that all take writes: masters with sluice-geo.so, keepers, links between.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lab/passage.h"
#include "lab/world.h"

namespace sluice::lab {

// The file beside `program`.
std::string geo_module_beside(const std::string& program);

// What a region's master says of itself.
struct RegionFigures {
  std::string name;
  bool is_up = false;
  bool is_cut = false;
  std::uint64_t local_ops = 0;
  std::uint64_t unstable_keys = 0;
  std::uint64_t conflicts = 0;
  std::uint64_t lacks = 0;  // ops that some other region has
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> vector = {};
};

// Lives on the core of `world`, which outlives it; stop() before that.
class Mesh {
 public:
  struct Region {
    std::string name;
    int id = 0;
    Server* master = nullptr;
    Server* keeper = nullptr;
    Server* link = nullptr;                                // once connected
    bool is_dead = false;                                  // killed, until it is brought back
    std::map<std::string, std::unique_ptr<Passage>> ways;  // to other regions' keepers
  };
  struct Options {
    std::string module;      // the .so
    Settings settings = {};  // lines of every master's redis.conf
    std::function<void(const Server&)> on_start = [](const Server&) {};
  };

  Mesh(World& world, Options options) : world_(world), options_(std::move(options)) {}

  // A new master and its keeper; without links.
  rt::Task<Result<Region*>> add(std::string name);
  // A region around a master that runs and has the module. The first contact joins it to the others.
  rt::Task<Result<Region*>> adopt(std::string name, Server& master);
  // Every region that is there gets links from all others.
  rt::Task<Result<>> connect();

  // Between one region and all others.
  Result<> cut(std::string_view name);
  Result<> heal(std::string_view name);
  // Its master, keeper and link, with SIGKILL.
  rt::Task<Result<>> kill(std::string_view name);
  // Returns when its master serves again.
  rt::Task<Result<>> bring_back(std::string_view name);
  // Starts again what has ended by itself, or by somebody's kill -9, and tells of each.
  rt::Task<void> supervise(std::function<void(std::string)> tell);

  rt::Task<std::vector<RegionFigures>> look();
  // Until no region lacks an op of another; kTimedOut with who does.
  rt::Task<Result<>> settle(rt::Duration patience);
  // Until all have told and taken what they had before they met: no snapshot is being merged, and no region has to rejoin.
  rt::Task<Result<>> until_met(rt::Duration patience);
  // `sluice geo verify`: kRejected with what differs.
  rt::Task<Result<>> verify();

  std::vector<std::unique_ptr<Region>>& regions() { return regions_; }
  Region* find(std::string_view name);
  std::string module_line(std::string_view name, int id) const;  // of redis.conf
  int next_id() const { return static_cast<int>(regions_.size()) + 1; }

  rt::Task<void> stop();

 private:
  rt::Task<Result<>> connect(Region& region);
  rt::Task<Result<>> until_serving(Region& region);
  rt::Task<RegionFigures> figures_of(Region& region);
  rt::Task<Result<bool>> has_met(Region& region);
  Result<Region*> need(std::string_view name);

  World& world_;
  Options options_;
  std::vector<std::unique_ptr<Region>> regions_;
};

}  // namespace sluice::lab
