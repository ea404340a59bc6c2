#include "lab/up.h"

#include <fmt/format.h>
#include <map>
#include <utility>

#include "lab/certificate.h"
#include "lab/delay_probe.h"
#include "lab/mesh_up.h"
#include "lab/regions.h"
#include "lab/screen.h"
#include "lab/session.h"
#include "lab/status.h"
#include "lab/table.h"
#include "lab/traffic.h"
#include "lab/wan_service.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

// Between two regions, until told otherwise.
const Conditions kOcean{{"delay", "200ms"}, {"loss", "1%"}, {"rate", "100mbit"}};

class Up {
 public:
  Up(rt::Host& host, Wish& wish, Folder folder, const UpOptions& options)
      : host_(host),
        wish_(wish),
        options_(options),
        world_(host, std::move(folder), {.dir = options.dir}),
        tasks_(host),
        probe_(world_) {}

  rt::Task<int> run() {
    auto outcome = co_await start_and_watch();
    tasks_.close();
    co_await tasks_.closed();
    co_await probe_.stop();
    co_await world_.stop();
    if (wan_) co_await wan_->stop();
    co_return told(outcome);
  }

 private:
  rt::Task<Result<>> start_and_watch() {
    if (options_.regions == 2) {
      CO_TRY_VOID(co_await start_two_regions());
    } else {
      CO_TRY_VOID(co_await start_one_region());
    }
    if (wish_.is_closing()) co_return Result<>();
    traffic_.emplace(world_, *world_.find("master"),
                     TrafficOptions{.rate = options_.rate, .workload = {.keys = options_.keys}});
    tasks_.spawn(traffic_->run(tasks_));
    const std::string end = options_.run_for > 0ms
                                ? fmt::format("for {} s", options_.run_for.count() / 1000)
                                : std::string("until Ctrl-C");
    say(fmt::format("files      {}\nrunning    {}\n", world_.folder().path(), end));
    co_return co_await watch();
  }

  rt::Task<Result<>> start_one_region() {
    for (auto& node : master_keeper_replicas(options_.replicas)) {
      CO_TRY(const auto* server, co_await world_.start(node));
      say(where(*server));
      if (wish_.is_closing()) co_return Result<>();
    }
    co_return Result<>();
  }

  rt::Task<Result<>> start_two_regions() {
    WanOptions wan;
    wan.name = options_.wan_name;
    CO_TRY(wan_, WanService::open(host_, wan, change_to(kOcean)));
    for (const auto& side : wan_->ocean().status().sides) CO_TRY_VOID(world_.add_site(side));
    RegionsOptions options;
    CO_TRY(options.certificate, co_await make_certificate(world_));
    options.replicas_b = options_.replicas;
    options.on_start = [](const Server& server) { say(where(server)); };
    CO_TRY(const auto regions, co_await start_regions(world_, std::move(options)));
    probe_.publish_on(*regions.master);
    places_[regions.replica_a] = &probe_.watch(*regions.replica_a);
    for (auto* replica : regions.replicas_b) places_[replica] = &probe_.watch(*replica);
    const auto name = wan.name == WanOptions().name ? "" : " --name " + wan.name;
    say(
        fmt::format("\nocean      sluice lab wan{0} --delay 300ms --loss 2% --cut 30s\n"
                    "commands   sluice lab wan exec{0} a redis-cli -p {1}",
                    name, regions.master->port()));
    co_return Result<>();
  }

  static std::string where(const Server& server) {
    std::string text =
        fmt::format("{:<10} 127.0.0.1:{}  pid {}", server.name(), server.port(), server.pid());
    if (server.site() != nullptr) {
      text.insert(0, fmt::format("{}  ", server.site()->name));
    }
    if (!std::holds_alternative<RedisNode>(server.node())) {
      text += fmt::format("  metrics http://127.0.0.1:{}/metrics", server.metrics_port());
    }
    return text;
  }

  rt::Task<Result<>> watch() {
    started_ = host_.clock().now();
    auto next = started_;
    while (!wish_.is_closing()) {
      const auto now = host_.clock().now();
      if (options_.run_for > 0ms && now - started_ >= options_.run_for) break;
      const auto status = co_await look(now);
      show_status(status_line(status), options_.is_terminal);
      for (auto* server : world_.servers()) {
        if (server->is_running()) continue;
        if (options_.regions == 1) co_return fail(Errc::kRejected, ended(*server));
        CO_TRY_VOID(co_await start_again(*server));
      }
      next = next + interval();
      co_await wish_.sleep(next - host_.clock().now());
    }
    if (options_.is_terminal) say("");
    co_return Result<>();
  }

  // Between two regions, processes may be killed to see what becomes of it.
  rt::Task<Result<>> start_again(Server& server) {
    if (options_.is_terminal) say("");
    say(server.name() + " has ended and is started again");
    const auto node = server.node();
    co_return co_await world_.restart(server, node);
  }

  rt::Duration interval() const {
    const rt::Duration usual = options_.is_terminal ? 250ms : 1s;
    return options_.run_for > 0ms ? std::min<rt::Duration>(usual, options_.run_for) : usual;
  }

  static std::string ended(const Server& server) {
    return server.name() + " has ended; its log: " + server.log_file();
  }

  rt::Task<WorldStatus> look(rt::Instant now) {
    WorldStatus status;
    status.elapsed = std::chrono::duration_cast<std::chrono::seconds>(now - started_);
    if (wan_) status.ocean = ocean_text(wan_->ocean().status().directions.front());
    for (auto* server : world_.servers()) {
      if (std::holds_alternative<RelayNode>(server->node())) continue;
      const auto info = co_await world_.info(*server);
      status.nodes.push_back(node_status(*server, info));
      const auto place = places_.find(server);
      if (place != places_.end() && place->second->newest() != rt::Instant{}) {
        status.nodes.back().lag = host_.clock().now() - place->second->newest();
      }
    }
    const double seconds = std::chrono::duration<double>(now - looked_).count();
    const auto offset = status.nodes.front().offset;
    const auto answered = traffic_->answered();
    if (looked_ != rt::Instant{} && seconds > 0) {
      status.stream_bytes_per_second = static_cast<double>(offset - last_offset_) / seconds;
      status.commands_per_second = static_cast<double>(answered - last_answered_) / seconds;
    }
    looked_ = now;
    last_offset_ = offset;
    last_answered_ = answered;
    co_return status;
  }

  // Of the direction from a to b.
  static std::string ocean_text(const WanDirectionStatus& way) {
    const auto seconds = [](auto time) { return std::chrono::duration<double>(time).count(); };
    if (way.cut > 0ns) return "ocean cut for " + duration_text(seconds(way.cut));
    return fmt::format("ocean {} {:.3g}%", duration_text(seconds(way.conditions.delay)),
                       way.conditions.loss.of_one * 100);
  }

  static NodeStatus node_status(const Server& server, const Result<redis::Info>& info) {
    NodeStatus node{.name = server.name()};
    node.counts_keys = std::holds_alternative<RedisNode>(server.node());
    if (!info) return node;
    node.is_up = true;
    node.offset = info->replication_offset();
    node.keys = info->keys();
    node.link = info->field("master_link_status");
    return node;
  }

  rt::Host& host_;
  Wish& wish_;
  const UpOptions options_;
  World world_;
  rt::Gate tasks_;
  std::unique_ptr<WanService> wan_;  // of two regions
  DelayProbe probe_;
  std::map<const Server*, const DelayProbe::Place*> places_;
  std::optional<Traffic> traffic_;
  rt::Instant started_;
  rt::Instant looked_;
  std::uint64_t last_offset_ = 0;
  std::uint64_t last_answered_ = 0;
};

}  // namespace

int run_up(const UpOptions& options) {
  if (options.is_active_active) return run_mesh_up(options);
  return run_session(
      [&options](rt::Host& host, Wish& wish) { return run_in_folder<Up>(host, wish, options); });
}

}  // namespace sluice::lab
