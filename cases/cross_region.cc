// Case 4, the ocean: a stock replica straight over a lossy WAN, and beside it the same traffic
// through keepers and relays; cuts of the WAN, and the death of each process of the chain.
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <utility>

#include "cases/cases.h"
#include "cases/single_flows.h"
#include "lab/certificate.h"
#include "lab/delay_probe.h"
#include "lab/ocean.h"
#include "lab/regions.h"
#include "lab/scenario.h"
#include "lab/table.h"
#include "lab/traffic.h"
#include "rt/priority.h"

namespace sluice::cases {
namespace {

using namespace std::chrono_literals;
using lab::DelayProbe;
using lab::Server;
using redis::Info;
using redis::Words;

constexpr const char* kDelay = "200ms";
constexpr const char* kLoss = "1%";

// What plain flows get at most of the link, and relays at least.
constexpr double kPlainShareMax = 0.10;
constexpr double kMissedShareMax = 0.001;

struct Scale {
  double rate;  // of writes
  std::size_t value_bytes;
  const char* link;
  double link_bytes_per_second;
  double sluice_share_min;
  std::chrono::seconds warm;
  std::chrono::seconds measured;  // flows
  std::chrono::seconds steady;
  std::vector<std::chrono::seconds> cuts;
  double p50_max, p99_max, delay_max;  // seconds, while nothing is cut
  double resume_max;                   // after a heal
  double recover_max;                  // after a death, with everything caught up
  const char* replica_buffer;          // client-output-buffer-limit of the plain master
};

// The limits of issue 3. A quick run tells that all works, perhaps on a machine that is busy with much else:
// its limits of time are coarse.
Scale full_scale() {
  return {8'000, 1'000, "200mbit",
          25e6,  0.80,  5s,
          15s,   60s,   {2s, 12s, 60s},
          0.300, 0.700, 3,
          1.5,   15,    "replica 256mb 64mb 60"};
}
Scale quick_scale() {
  return {2'000, 1'000, "100mbit",           12.5e6, 0.15, 3s, 6s, 5s, {2s, 8s}, 3, 10, 15,
          15,    60,    "replica 16mb 4mb 5"};
}

// A row of the second table.
struct Event {
  std::string what;
  std::optional<double> flows = {};  // of a cut: seconds from the heal until anything arrives
  double caught_up = 0;              // seconds until what was written since is in region B
  std::uint64_t full_syncs = 0;
};

std::string milliseconds(rt::Duration time) {
  return fmt::format("{:.0f} ms", std::chrono::duration<double>(time).count() * 1e3);
}

// Region A is site a, region B site b. Beside them, in region A, a master without Sluice, and its
// replica on site c, as far away as b and over a link of its own.
class CrossRegion {
 public:
  CrossRegion(lab::Scenario& scenario, lab::Ocean& ocean, Scale scale, lab::Certificate certificate)
      : scenario_(scenario),
        world_(scenario.world()),
        ocean_(ocean),
        scale_(std::move(scale)),
        certificate_(std::move(certificate)),
        tasks_(world_.host()),
        probe_(world_) {}

  rt::Task<Result<>> play() {
    CO_TRY_VOID(co_await start());
    CO_TRY_VOID(co_await see_steady_delay());
    for (const auto cut : scale_.cuts) CO_TRY_VOID(co_await outlast_a_cut(cut));
    CO_TRY_VOID(co_await see_plain_fall_behind());
    for (auto* victim : {at_.relay_a, at_.relay_b, at_.keeper_a, at_.keeper_b}) {
      CO_TRY_VOID(co_await outlast_a_death(*victim));
    }
    co_return co_await compare_ends();
  }

  rt::Task<void> stop() {
    co_await stop_traffic();
    co_await probe_.stop();
  }

  // In the order in which the stream passes; a hop is what a place has later than the one before it.
  std::string delays() const {
    lab::Table table({"delay of writes", "hop p50", "hop p99", "p50", "p99", "max", "with cuts"});
    for (const auto& row : rows_) {
      table.add({row.name, milliseconds(row.hop.quantile(0.5)),
                 milliseconds(row.hop.quantile(0.99)), milliseconds(row.delay.quantile(0.5)),
                 milliseconds(row.delay.quantile(0.99)), milliseconds(row.delay.quantile(1)),
                 milliseconds(row.place->delay().max())});
    }
    return table.text();
  }

  std::string events() const {
    lab::Table table(
        {"region B over keepers and relays", "flows after", "caught up", "full syncs"});
    for (const auto& event : events_) {
      const auto flows = event.flows ? fmt::format("{:.2f} s", *event.flows) : "";
      table.add({event.what, flows, fmt::format("{:.2f} s", event.caught_up),
                 std::to_string(event.full_syncs)});
    }
    return table.text();
  }

 private:
  // --- the regions ------------------------------------------------------------------------------

  rt::Task<Result<>> start() {
    CO_TRY_VOID(set_up_sites());
    CO_TRY_VOID(co_await start_regions());
    CO_TRY_VOID(co_await start_plain());
    scenario_.say(fmt::format("the ocean between them: {} round trip, {} loss, {}", kDelay, kLoss,
                              scale_.link));
    const auto* const keeper_a = watch("keeper A", *at_.keeper_a, nullptr);
    watch("replica in region A", *at_.replica_a, keeper_a);
    const auto* const keeper_b = watch("keeper B: relays, the ocean", *at_.keeper_b, keeper_a);
    chain_ = watch("replica in region B", replica_b(), keeper_b);
    probe_.publish_on(*at_.master);
    start_traffic(*at_.master);
    start_traffic(*plain_master_);
    scenario_.say(fmt::format("{:.0f} writes a second on both masters", scale_.rate));
    co_return Result<>();
  }

  Result<> set_up_sites() {
    TRY_VOID(ocean_.set({{"delay", kDelay}, {"loss", kLoss}, {"rate", scale_.link}}));
    for (const auto& side : ocean_.status().sides) TRY_VOID(world_.add_site(side));
    return choose_congestion_control();
  }

  // For plain Redis, whatever this machine's default is. A kernel may keep cubic from namespaces;
  // reno fares alike.
  Result<> choose_congestion_control() {
    const auto& where = world_.site("a")->where;
    if (where.set("ipv4/tcp_congestion_control", congestion_)) return {};
    congestion_ = "reno";
    return where.set("ipv4/tcp_congestion_control", congestion_);
  }

  rt::Task<Result<>> start_regions() {
    lab::RegionsOptions options;
    options.certificate = certificate_;
    CO_TRY(at_, co_await lab::start_regions(world_, std::move(options)));
    CO_TRY_VOID(co_await scenario_.until(replica_b(), is_linked(), "is not in sync"));
    CO_TRY_VOID(co_await scenario_.until(*at_.replica_a, is_linked(), "is not in sync"));
    scenario_.say("region A: a master, a keeper with a replica, a relay");
    scenario_.say("region B: a relay (TLS to region A's), a keeper behind it, a replica");
    co_return Result<>();
  }

  rt::Task<Result<>> start_plain() {
    lab::RedisNode master{.name = "plain-master", .replica_of = "", .settings = {}};
    master.settings.emplace_back("client-output-buffer-limit", scale_.replica_buffer);
    master.site = "a";
    CO_TRY(plain_master_, co_await world_.start(std::move(master)));
    lab::RedisNode replica{.name = "plain-replica", .replica_of = "plain-master", .settings = {}};
    replica.site = "c";
    CO_TRY(plain_replica_, co_await world_.start(std::move(replica)));
    CO_TRY_VOID(co_await scenario_.until(*plain_replica_, is_linked(), "is not in sync"));
    scenario_.say("beside them plain Redis: a master, its replica over there, TCP with " +
                  congestion_);
    plain_ = &probe_.watch(*plain_replica_);
    probe_.publish_on(*plain_master_);
    co_return Result<>();
  }

  // --- what happens -----------------------------------------------------------------------------

  rt::Task<Result<>> see_steady_delay() {
    CO_TRY_VOID(co_await scenario_.pause(scale_.warm));
    rows_.push_back({.name = "region B: plain Redis", .place = plain_, .delay = {}, .hop = {}});
    for (auto& row : rows_) {
      row.delay = row.place->delay();
      row.hop = row.place->hop();
    }
    CO_TRY_VOID(co_await scenario_.pause(scale_.steady));
    for (auto& row : rows_) {
      row.delay = row.place->delay().since(row.delay);
      row.hop = row.place->hop().since(row.hop);
    }
    const auto is_chains = [&](const Row& row) { return row.place == chain_; };
    const auto& steady = std::ranges::find_if(rows_, is_chains)->delay;
    const auto seconds = [&](double quantile) {
      return std::chrono::duration<double>(steady.quantile(quantile)).count();
    };
    scenario_.expect(steady.count() > 0 && seconds(0.5) <= scale_.p50_max,
                     fmt::format("region B lags {:.0f} ms at the median, at most {:.0f}",
                                 seconds(0.5) * 1e3, scale_.p50_max * 1e3));
    scenario_.expect(seconds(0.99) <= scale_.p99_max,
                     fmt::format("and {:.0f} ms at p99, at most {:.0f}", seconds(0.99) * 1e3,
                                 scale_.p99_max * 1e3));
    scenario_.expect(seconds(1) <= scale_.delay_max,
                     fmt::format("and {:.0f} ms at most, under {:.0f}", seconds(1) * 1e3,
                                 scale_.delay_max * 1e3));
    co_return Result<>();
  }

  rt::Task<Result<>> outlast_a_cut(std::chrono::seconds time) {
    Event event{.what = fmt::format("cut of {} s", time.count())};
    scenario_.say(event.what);
    CO_TRY(const auto before, co_await full_syncs(nullptr));
    CO_TRY_VOID(ocean_.cut(time));
    CO_TRY_VOID(co_await scenario_.pause(time));
    CO_TRY_VOID(co_await see_it_flow(event, now()));
    const double flows = event.flows.value_or(event.caught_up);
    scenario_.expect(flows <= scale_.resume_max,
                     fmt::format("region B's stream flows {:.2f} s after the heal, at most {:.1f}",
                                 flows, scale_.resume_max));
    co_return co_await close(std::move(event), before);
  }

  rt::Task<Result<>> outlast_a_death(Server& victim) {
    Event event{.what = "kill -9 of " + victim.name()};
    scenario_.say(event.what);
    CO_TRY(const auto before, co_await full_syncs(&victim));
    const auto killed = now();
    co_await world_.kill(victim);
    const auto node = victim.node();
    CO_TRY_VOID(co_await world_.restart(victim, node));
    CO_TRY_VOID(co_await see_it_flow(event, killed));
    event.flows.reset();
    scenario_.expect(event.caught_up <= scale_.recover_max,
                     fmt::format("what is written after it is in region B {:.2f} s after it, at "
                                 "most {:.0f}",
                                 event.caught_up, scale_.recover_max));
    co_return co_await close(std::move(event), before);
  }

  // Until region B has what was written at `since`.
  rt::Task<Result<>> see_it_flow(Event& event, rt::Instant since) {
    const auto passed = [&] { return std::chrono::duration<double>(now() - since).count(); };
    const double limit = 6 * scale_.recover_max;
    while (chain_->newest() < since && passed() < limit) {
      if (!event.flows && chain_->arrived() > since) event.flows = passed();
      CO_TRY_VOID(co_await scenario_.pause(5ms));
    }
    event.caught_up = passed();
    co_return Result<>();
  }

  rt::Task<Result<>> close(Event event, std::uint64_t full_syncs_before) {
    CO_TRY(const auto after, co_await full_syncs(nullptr));
    event.full_syncs = after - std::min(after, full_syncs_before);
    scenario_.expect(after == full_syncs_before,
                     fmt::format("{} full syncs more, caught up after {:.2f} s", event.full_syncs,
                                 event.caught_up));
    events_.push_back(std::move(event));
    co_return Result<>();
  }

  // Made by the master and both keepers, but not by `victim`: a new process counts from 0.
  rt::Task<Result<std::uint64_t>> full_syncs(const Server* victim) {
    std::uint64_t sum = 0;
    for (auto* server : {at_.master, at_.keeper_a, at_.keeper_b}) {
      if (server == victim) continue;
      CO_TRY(const auto info, co_await world_.info(*server));
      sum += info.number("sync_full");
    }
    co_return sum;
  }

  rt::Task<Result<>> see_plain_fall_behind() {
    CO_TRY(const auto master, co_await world_.info(*plain_master_));
    CO_TRY(const auto replica, co_await world_.info(*plain_replica_));
    const auto made = static_cast<double>(master.replication_offset());
    const auto there = static_cast<double>(replica.replication_offset());
    const auto copies = master.number("sync_full");
    plain_text_ = fmt::format(
        "plain Redis: of {} written the replica over there has {}, after {} full copies",
        lab::bytes_text(made), lab::bytes_text(there), copies);
    scenario_.expect(there < made / 2, plain_text_ + ": it falls behind");
    co_await world_.stop(*plain_replica_);
    co_await world_.stop(*plain_master_);
    co_return Result<>();
  }

  rt::Task<Result<>> compare_ends() {
    co_await stop_traffic();
    CO_TRY(const auto master, co_await world_.info(*at_.master));
    const auto end = master.replication_offset();
    lab::Scenario::Predicate has_all = [end](const Info& info) {
      return info.replication_offset() >= end;
    };
    CO_TRY_VOID(co_await scenario_.until(replica_b(), has_all, "does not get everything"));
    CO_TRY(const auto ours, co_await digest_of(*at_.master));
    CO_TRY(const auto theirs, co_await digest_of(replica_b()));
    scenario_.expect(ours == theirs,
                     fmt::format("{} keys: DEBUG DIGEST is the same in both regions",
                                 lab::count_text(master.keys())));
    const double missed = ocean_.missed_share();
    scenario_.expect(missed <= kMissedShareMax,
                     fmt::format("the emulated ocean lost {:.4f} % of the packets on its own "
                                 "account: more than {} % would void the run",
                                 missed * 100, kMissedShareMax * 100));
    co_return Result<>();
  }

  // --- small things -----------------------------------------------------------------------------

  Server& replica_b() const { return *at_.replicas_b.front(); }

  rt::Instant now() const { return world_.host().clock().now(); }

  static lab::Scenario::Predicate is_linked() {
    return [](const Info& info) { return info.field("master_link_status") == "up"; };
  }

  rt::Task<Result<std::string>> digest_of(Server& server) {
    Words words{"DEBUG", "DIGEST"};
    CO_TRY(auto reply, co_await world_.need(server, std::move(words)));
    co_return std::move(reply.text);
  }

  void start_traffic(Server& master) {
    lab::TrafficOptions options{.rate = scale_.rate, .workload = {}};
    options.workload.keys = 20'000;
    options.workload.value_bytes = scale_.value_bytes;
    options.workload.has_expiring_keys = false;
    options.workload.has_random_values = true;
    traffic_.push_back(std::make_unique<lab::Traffic>(world_, master, options));
    tasks_.spawn(traffic_.back()->run(tasks_));
  }

  rt::Task<void> stop_traffic() {
    tasks_.close();
    co_await tasks_.closed();
  }

  // Of the first table.
  struct Row {
    std::string name;
    const DelayProbe::Place* place;
    lab::Histogram delay;  // while all was steady
    lab::Histogram hop;
  };

  const DelayProbe::Place* watch(const char* name, Server& server,
                                 const DelayProbe::Place* before) {
    const auto* const place = &probe_.watch(server, before);
    rows_.push_back({.name = name, .place = place, .delay = {}, .hop = {}});
    return place;
  }

  lab::Scenario& scenario_;
  lab::World& world_;
  lab::Ocean& ocean_;
  const Scale scale_;
  const lab::Certificate certificate_;
  rt::Gate tasks_;
  DelayProbe probe_;
  std::vector<std::unique_ptr<lab::Traffic>> traffic_;
  lab::Regions at_;
  Server* plain_master_ = nullptr;
  Server* plain_replica_ = nullptr;
  const DelayProbe::Place* chain_ = nullptr;
  const DelayProbe::Place* plain_ = nullptr;
  std::vector<Row> rows_;
  std::string congestion_ = "cubic";  // of plain Redis
  std::string plain_text_;
  std::vector<Event> events_;
};

// --- one flow over the ocean ----------------------------------------------------------------------

std::string table_of(const std::vector<FlowRate>& rates) {
  lab::Table table({fmt::format("one flow, {} {}", kDelay, kLoss), "MB/s"});
  for (const auto& rate : rates) {
    table.add({rate.name, fmt::format("{:.2f}", rate.bytes_per_second / 1e6)});
  }
  return table.text();
}

rt::Task<Result<std::string>> compare_flows(lab::Scenario& scenario, Scale scale,
                                            lab::Certificate certificate) {
  FlowScale flows{.conditions = {{"delay", kDelay}, {"loss", kLoss}, {"rate", scale.link}},
                  .link_bytes_per_second = scale.link_bytes_per_second,
                  .warm = scale.warm,
                  .measured = scale.measured};
  CO_TRY(const auto rates,
         co_await measure_flows(scenario, std::move(flows), std::move(certificate)));
  for (const auto& rate : rates) {
    const double share = rate.bytes_per_second / scale.link_bytes_per_second;
    const auto text = fmt::format("{} gets {:.2f} MB/s, {:.0f} % of the link", rate.name,
                                  rate.bytes_per_second / 1e6, share * 100);
    if (rate.name == "sluice") scenario.expect(share >= scale.sluice_share_min, text);
    if (rate.name == "bbr") scenario.say("       " + text);
    if (rate.name == "reno" || rate.name == "cubic") {
      scenario.expect(share <= kPlainShareMax, text);
    }
  }
  co_return table_of(rates);
}

rt::Task<Result<>> play(lab::Scenario& scenario, lab::Ocean& ocean, Scale scale) {
  CO_TRY(const auto certificate, co_await lab::make_certificate(scenario.world()));
  scenario.title("One TCP flow over the ocean, by congestion control");
  CO_TRY(const auto flows, co_await compare_flows(scenario, scale, certificate));
  scenario.title("Two regions: through keepers and relays, and plain Redis beside them");
  CrossRegion regions(scenario, ocean, scale, certificate);
  const auto outcome = co_await regions.play();
  co_await regions.stop();
  CO_TRY_VOID(outcome);
  std::fputs(("\n" + flows + "\n" + regions.delays() + "\n" + regions.events()).c_str(), stdout);
  co_return Result<>();
}

rt::Task<int> cross(rt::Host& host, lab::Wish& wish, Scale scale) {
  const auto refuse = [](const Error& error) {
    std::fprintf(stderr, "case cross-region: %s\n", error.detail.c_str());
    return 1;
  };
  if (!rt::run_before_others()) {
    std::puts("no real-time priority: delays hold what the emulator itself is late");
  }
  lab::WanOptions options;
  options.sides = 3;
  const auto ocean = lab::Ocean::make(host, options);
  if (!ocean) co_return refuse(ocean.error());
  auto folder = lab::Folder::make(host, std::nullopt);
  if (!folder) co_return refuse(folder.error());
  lab::World world(host, *std::move(folder), {.dir = std::nullopt});
  lab::Scenario scenario(world, wish);
  const auto outcome = co_await play(scenario, **ocean, std::move(scale));
  co_await world.stop();
  co_await (*ocean)->stop();
  if (!outcome) co_return refuse(outcome.error());
  std::printf("\n%s\n", scenario.failures() == 0 ? "every expectation held"
                                                 : "NOT every expectation held: see above");
  co_return scenario.failures() == 0 ? 0 : 1;
}

}  // namespace

int run_cross_region(const Options& options) {
  const auto scale = options.is_quick ? quick_scale() : full_scale();
  return lab::run_session(
      [&scale](rt::Host& host, lab::Wish& wish) { return cross(host, wish, scale); });
}

}  // namespace sluice::cases
