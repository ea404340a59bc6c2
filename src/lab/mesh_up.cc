#include "lab/mesh_up.h"

#include <array>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "lab/mesh.h"
#include "lab/mesh_control.h"
#include "lab/mesh_status.h"
#include "lab/screen.h"
#include "lab/session.h"
#include "lab/traffic.h"
#include "rt/usage.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

constexpr std::array<const char*, 3> kNames{"eu", "us", "asia"};
// What is still on its way when traffic ends has so long.
constexpr auto kSettleWithin = 60s;

std::string where(const Server& server) {
  const bool has_port = !std::holds_alternative<LinkNode>(server.node());
  std::string text =
      fmt::format("{:<12} {:<16} pid {}", server.name(),
                  has_port ? fmt::format("127.0.0.1:{}", server.port()) : "", server.pid());
  if (!std::holds_alternative<RedisNode>(server.node())) {
    text += fmt::format("  metrics http://127.0.0.1:{}/metrics", server.metrics_port());
  }
  return text;
}

Mesh::Options mesh_options() {
  Mesh::Options options;
  options.module = geo_module_beside(rt::executable_path());
  options.settings = {{"appendonly", "yes"}, {"repl-ping-replica-period", "1"}};
  options.on_start = [](const Server& server) { say(where(server)); };
  return options;
}

class MeshUp {
 public:
  MeshUp(rt::Host& host, Wish& wish, Folder folder, const UpOptions& options)
      : host_(host),
        wish_(wish),
        options_(options),
        world_(host, std::move(folder), {.dir = options.dir}),
        mesh_(world_, mesh_options()),
        traffic_tasks_(host) {}

  rt::Task<int> run() {
    auto outcome = co_await start_and_watch();
    co_await end_traffic();
    if (outcome) outcome = co_await compare();
    if (control_) co_await control_->stop();
    co_await mesh_.stop();
    co_await world_.stop();
    co_return told(outcome);
  }

 private:
  rt::Task<Result<>> start_and_watch() {
    auto obey = [this](std::string order, std::string region) {
      return this->obey(std::move(order), std::move(region));
    };
    CO_TRY(control_, MeshControl::open(host_, options_.mesh_name, std::move(obey)));
    for (std::uint32_t i = 0; i < options_.regions; ++i) {
      std::string name = kNames.at(i);
      CO_TRY_VOID(co_await mesh_.add(std::move(name)));
      if (wish_.is_closing()) co_return Result<>();
    }
    CO_TRY_VOID(co_await mesh_.connect());
    start_traffic();
    const auto name =
        options_.mesh_name == kMeshName ? "" : fmt::format(" --name {}", options_.mesh_name);
    say(fmt::format(
        "\ntell it    sluice lab cut eu{0}; sluice lab heal eu{0}; sluice lab kill us{0}\n"
        "files      {1}\n",
        name, world_.folder().path()));
    co_return co_await watch();
  }

  void start_traffic() {
    std::uint64_t seed = 1;
    for (const auto& region : mesh_.regions()) {
      TrafficOptions options{.rate = options_.rate, .workload = {.keys = options_.keys}};
      options.workload.seed = seed++;
      traffic_.push_back(std::make_unique<Traffic>(world_, *region->master, options));
      traffic_tasks_.spawn(traffic_.back()->run(traffic_tasks_));
    }
  }

  rt::Task<void> end_traffic() {
    traffic_tasks_.close();
    co_await traffic_tasks_.closed();
  }

  // At the end, whatever was cut or killed is there again and has to be equal.
  rt::Task<Result<>> compare() {
    if (traffic_.empty()) co_return Result<>();
    if (options_.is_terminal) say("");
    for (const auto& region : mesh_.regions()) {
      CO_TRY_VOID(mesh_.heal(region->name));
      CO_TRY_VOID(co_await mesh_.bring_back(region->name));
    }
    CO_TRY_VOID(co_await mesh_.settle(kSettleWithin));
    CO_TRY_VOID(co_await mesh_.verify());
    say("all regions are equal");
    co_return Result<>();
  }

  rt::Task<Result<std::string>> obey(std::string order, std::string region) {
    if (order == "cut") {
      CO_TRY_VOID(mesh_.cut(region));
      co_return region + " is cut off from the others";
    }
    if (order == "heal") {
      CO_TRY_VOID(mesh_.heal(region));
      CO_TRY_VOID(co_await mesh_.bring_back(region));
      co_return region + " is back";
    }
    if (order == "kill") {
      CO_TRY_VOID(co_await mesh_.kill(region));
      co_return region + " is dead: its master, keeper and link; 'sluice lab heal " + region +
          "' starts them again";
    }
    co_return fail(Errc::kRejected, "there is no order '" + order + "': say cut, heal or kill");
  }

  rt::Task<Result<>> watch() {
    const auto started = host_.clock().now();
    auto next = started;
    const rt::Duration usual = options_.is_terminal ? 500ms : 1s;
    while (!wish_.is_closing()) {
      const auto now = host_.clock().now();
      if (options_.run_for > 0ms && now - started >= options_.run_for) break;
      const auto figures = co_await mesh_.look();
      const auto elapsed = std::chrono::duration_cast<std::chrono::seconds>(now - started);
      show_status(rates_.line(figures, elapsed, now.since_start), options_.is_terminal);
      std::function<void(std::string)> tell = [this](const std::string& what) { tell_of(what); };
      co_await mesh_.supervise(std::move(tell));
      next = next + usual;
      co_await wish_.sleep(next - host_.clock().now());
    }
    co_return Result<>();
  }

  void tell_of(const std::string& what) const {
    if (options_.is_terminal) say("");
    say(what);
  }

  rt::Host& host_;
  Wish& wish_;
  const UpOptions options_;
  World world_;
  Mesh mesh_;
  std::unique_ptr<MeshControl> control_;
  std::vector<std::unique_ptr<Traffic>> traffic_;
  rt::Gate traffic_tasks_;
  MeshRates rates_;
};

}  // namespace

int run_mesh_up(const UpOptions& options) {
  return run_session([&options](rt::Host& host, Wish& wish) {
    return run_in_folder<MeshUp>(host, wish, options);
  });
}

}  // namespace sluice::lab
