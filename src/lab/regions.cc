#include "lab/regions.h"

#include <fmt/format.h>
#include <utility>

namespace sluice::lab {
namespace {

constexpr const char* kLoopback = "127.0.0.1";

class Settlers {
 public:
  Settlers(World& world, RegionsOptions options) : world_(world), options_(std::move(options)) {}

  rt::Task<Result<Regions>> settle() {
    Regions all;
    CO_TRY(all.master, co_await redis("master", "a", ""));
    CO_TRY(all.keeper_a, co_await keeper("keeper-a", "a", "master", ""));
    CO_TRY(all.replica_a, co_await redis("replica-a", "a", "keeper-a"));
    auto source = fmt::format("{}:{}", kLoopback, all.keeper_a->port());
    CO_TRY(all.relay_a, co_await relay("relay-a", "a", std::move(source)));
    const auto next = fmt::format("{}:{}", all.relay_a->site()->address, all.relay_a->tls_port());
    CO_TRY(all.relay_b, co_await relay("relay-b", "b", next));
    auto route =
        fmt::format("PROXYTCP://{}:{} PROXYTLS://{}", kLoopback, all.relay_b->port(), next);
    CO_TRY(all.keeper_b, co_await keeper("keeper-b", "b", "keeper-a", std::move(route)));
    for (std::uint32_t i = 1; i <= options_.replicas_b; ++i) {
      auto name = fmt::format("replica-b{}", i);
      CO_TRY(auto* replica, co_await redis(std::move(name), "b", "keeper-b"));
      all.replicas_b.push_back(replica);
    }
    co_return all;
  }

 private:
  rt::Task<Result<Server*>> redis(std::string name, std::string site, std::string master) {
    RedisNode node{.name = std::move(name), .replica_of = std::move(master), .settings = {}};
    node.site = std::move(site);
    co_return co_await start(std::move(node));
  }

  rt::Task<Result<Server*>> keeper(std::string name, std::string site, std::string upstream,
                                   std::string route) {
    KeeperNode node{.name = std::move(name), .upstream = std::move(upstream), .flags = {}};
    node.site = std::move(site);
    node.route = std::move(route);
    co_return co_await start(std::move(node));
  }

  rt::Task<Result<Server*>> relay(std::string name, std::string site, std::string target) {
    RelayNode node{.name = std::move(name), .certificate = options_.certificate, .allow = {}};
    node.allow.push_back(std::move(target));
    node.site = std::move(site);
    co_return co_await start(std::move(node));
  }

  rt::Task<Result<Server*>> start(Node node) {
    CO_TRY(auto* server, co_await world_.start(std::move(node)));
    if (options_.on_start) options_.on_start(*server);
    co_return server;
  }

  World& world_;
  const RegionsOptions options_;
};

}  // namespace

rt::Task<Result<Regions>> start_regions(World& world, RegionsOptions options) {
  Settlers settlers(world, std::move(options));
  co_return co_await settlers.settle();
}

}  // namespace sluice::lab
