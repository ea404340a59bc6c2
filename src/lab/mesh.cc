#include "lab/mesh.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 50ms;
constexpr auto kServesWithin = 60s;  // a master that has an AOF to load

RedisNode master_of(const std::string& name, std::string module, const Settings& settings) {
  RedisNode node{.name = "master-" + name, .replica_of = "", .settings = settings};
  node.settings.emplace_back("loadmodule", std::move(module));
  return node;
}

rt::Task<Result<>> until_linked(World& world, Server& keeper) {
  const auto until = world.host().clock().now() + 60s;
  while (world.host().clock().now() < until) {
    const auto info = co_await world.info(keeper);
    if (info && info->field("master_link_status") == "up") co_return Result<>();
    co_await rt::sleep(world.host(), kLook);
  }
  co_return fail(Errc::kTimedOut, keeper.name() + " does not follow its master");
}

}  // namespace

std::string geo_module_beside(const std::string& program) {
  return program.substr(0, program.rfind('/') + 1) + "sluice-geo.so";
}

std::string Mesh::module_line(std::string_view name, int id) const {
  return fmt::format("{} region={} id={}", options_.module, name, id);
}

rt::Task<Result<Mesh::Region*>> Mesh::add(std::string name) {
  Node node = master_of(name, module_line(name, next_id()), options_.settings);
  CO_TRY(auto* master, co_await world_.start(std::move(node)));
  options_.on_start(*master);
  co_return co_await adopt(std::move(name), *master);
}

rt::Task<Result<Mesh::Region*>> Mesh::adopt(std::string name, Server& master) {
  auto region = std::make_unique<Region>();
  region->name = name;
  region->id = next_id();
  region->master = &master;
  // So that it can make newer snapshots by itself.
  const std::vector<std::string> flags{"--redis-module", module_line(name, region->id)};
  Node keeper = KeeperNode{.name = "keeper-" + name, .upstream = master.name(), .flags = flags};
  CO_TRY(region->keeper, co_await world_.start(std::move(keeper)));
  options_.on_start(*region->keeper);
  CO_TRY_VOID(co_await until_linked(world_, *region->keeper));
  regions_.push_back(std::move(region));
  co_return regions_.back().get();
}

rt::Task<Result<>> Mesh::connect() {
  for (const auto& region : regions_) CO_TRY_VOID(co_await connect(*region));
  co_return Result<>();
}

rt::Task<Result<>> Mesh::connect(Region& region) {
  LinkNode node{.name = "link-" + region.name, .from = {}, .to = region.master->name()};
  for (const auto& other : regions_) {
    if (other.get() == &region) continue;
    auto& way = region.ways[other->name];
    if (!way) {
      CO_TRY(way, Passage::open(world_.host(), other->keeper->port()));
    }
    node.from.emplace_back(other->name, way->port());
  }
  Node wanted = std::move(node);
  if (region.link != nullptr) co_return co_await world_.restart(*region.link, std::move(wanted));
  CO_TRY(region.link, co_await world_.start(std::move(wanted)));
  options_.on_start(*region.link);
  co_return Result<>();
}

Mesh::Region* Mesh::find(std::string_view name) {
  for (const auto& region : regions_) {
    if (region->name == name) return region.get();
  }
  return nullptr;
}

Result<Mesh::Region*> Mesh::need(std::string_view name) {
  if (auto* region = find(name)) return region;
  std::string names;
  for (const auto& region : regions_) names += (names.empty() ? "" : ", ") + region->name;
  return fail(Errc::kNotFound, fmt::format("there is no region '{}', but {}", name, names));
}

Result<> Mesh::cut(std::string_view name) {
  TRY(auto* region, need(name));
  for (const auto& [other, way] : region->ways) {
    way->cut();
    const auto back = find(other)->ways.find(region->name);
    if (back != find(other)->ways.end()) back->second->cut();
  }
  return {};
}

Result<> Mesh::heal(std::string_view name) {
  TRY(auto* region, need(name));
  for (const auto& [other, way] : region->ways) {
    way->heal();
    const auto back = find(other)->ways.find(region->name);
    if (back != find(other)->ways.end()) back->second->heal();
  }
  return {};
}

rt::Task<Result<>> Mesh::kill(std::string_view name) {
  CO_TRY(auto* region, need(name));
  region->is_dead = true;
  if (region->link != nullptr) co_await world_.kill(*region->link);
  co_await world_.kill(*region->keeper);
  co_await world_.kill(*region->master);
  co_return Result<>();
}

rt::Task<Result<>> Mesh::bring_back(std::string_view name) {
  CO_TRY(auto* region, need(name));
  for (auto* server : {region->master, region->keeper, region->link}) {
    if (server == nullptr || server->is_running()) continue;
    Node node = server->node();
    CO_TRY_VOID(co_await world_.restart(*server, std::move(node)));
  }
  region->is_dead = false;
  co_return co_await until_serving(*region);
}

// It answers before it has loaded its AOF, but not what it has.
rt::Task<Result<>> Mesh::until_serving(Region& region) {
  const auto until = world_.host().clock().now() + kServesWithin;
  while (world_.host().clock().now() < until) {
    const auto figures = co_await figures_of(region);
    if (figures.is_up) co_return Result<>();
    co_await rt::sleep(world_.host(), kLook);
  }
  co_return fail(Errc::kTimedOut, region.name + " does not serve: see its master's log");
}

rt::Task<void> Mesh::supervise(std::function<void(std::string)> tell) {
  for (const auto& region : regions_) {
    for (auto* server : {region->master, region->keeper, region->link}) {
      if (region->is_dead || server == nullptr || server->is_running()) continue;
      tell(server->name() + " has ended and is started again");
      Node node = server->node();
      const auto restarted = co_await world_.restart(*server, std::move(node));
      if (!restarted && !region->is_dead) tell(restarted.error().detail);
    }
  }
}

rt::Task<RegionFigures> Mesh::figures_of(Region& region) {
  RegionFigures figures{.name = region.name};
  figures.is_cut =
      std::ranges::any_of(region.ways, [](const auto& way) { return way.second->is_cut(); });
  redis::Words ask_text{"GEO.INFO"};
  const auto text = co_await world_.call(*region.master, std::move(ask_text));
  redis::Words ask_vector{"GEO.VECTOR"};
  const auto vector = co_await world_.call(*region.master, std::move(ask_vector));
  if (!text || text->is_error() || !vector || vector->elements.size() != 3) co_return figures;
  const auto info = redis::Info::parse(text->text);
  figures.is_up = true;
  figures.local_ops = info.number("local_ops");
  figures.unstable_keys = info.number("unstable_keys");
  figures.conflicts = info.number("conflicts_lww") + info.number("conflicts_type") +
                      info.number("conflicts_remove");
  for (const auto& entry : vector->elements[1].elements) {
    if (entry.elements.size() != 3) continue;
    figures.vector[{entry.elements[0].integer, entry.elements[1].integer}] =
        entry.elements[2].integer;
  }
  co_return figures;
}

rt::Task<std::vector<RegionFigures>> Mesh::look() {
  std::vector<RegionFigures> all;
  for (const auto& region : regions_) {
    auto figures = co_await figures_of(*region);
    all.push_back(std::move(figures));
  }
  decltype(RegionFigures::vector) whole;
  for (const auto& one : all) {
    for (const auto& [actor, seq] : one.vector) whole[actor] = std::max(whole[actor], seq);
  }
  for (auto& one : all) {
    for (const auto& [actor, seq] : whole) {
      const auto have = one.vector.find(actor);
      one.lacks += static_cast<std::uint64_t>(seq - (have == one.vector.end() ? 0 : have->second));
    }
  }
  co_return all;
}

rt::Task<Result<>> Mesh::settle(rt::Duration patience) {
  const auto until = world_.host().clock().now() + patience;
  for (;;) {
    const auto all = co_await look();
    std::string late;
    for (const auto& one : all) {
      if (!one.is_up) late += one.name + " does not answer; ";
      if (one.lacks > 0) late += fmt::format("{} lacks {} ops; ", one.name, one.lacks);
    }
    if (late.empty()) co_return Result<>();
    if (world_.host().clock().now() > until) co_return fail(Errc::kTimedOut, std::move(late));
    co_await rt::sleep(world_.host(), kLook);
  }
}

rt::Task<Result<bool>> Mesh::has_met(Region& region) {
  redis::Words ask{"GEO.INFO"};
  CO_TRY(const auto text, co_await world_.need(*region.master, std::move(ask)));
  const auto info = redis::Info::parse(text.text);
  const auto peers = info.field("peers");
  co_return info.field("must_rejoin") == "no" && info.field("merging") == "no" &&
      info.field("adopting") == "no" && info.field("detached").empty() &&
      std::ranges::count(peers, ',') + 2 == static_cast<std::ptrdiff_t>(regions_.size());
}

rt::Task<Result<>> Mesh::until_met(rt::Duration patience) {
  const auto until = world_.host().clock().now() + patience;
  for (;;) {
    std::string late;
    for (const auto& region : regions_) {
      CO_TRY(const bool has, co_await has_met(*region));
      if (!has) late += (late.empty() ? "" : ", ") + region->name;
    }
    if (late.empty()) co_return Result<>();
    if (world_.host().clock().now() > until)
      co_return fail(Errc::kTimedOut, late + " and the others have not taken each other's data");
    co_await rt::sleep(world_.host(), kLook);
  }
}

rt::Task<Result<>> Mesh::verify() {
  std::vector<std::string> words{"geo", "verify"};
  for (const auto& region : regions_) {
    words.push_back(fmt::format("redis://127.0.0.1:{}", region->master->port()));
  }
  co_return co_await world_.run_sluice(std::move(words));
}

rt::Task<void> Mesh::stop() {
  for (const auto& region : regions_) {
    for (const auto& [name, way] : region->ways) co_await way->stop();
  }
}

}  // namespace sluice::lab
