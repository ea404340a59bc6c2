// Case 1, communications platform: three regions take calls; one is cut off, then dies and comes back while another
// serves its users; then a plain Redis with data and users of its own moves in as the fourth.
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <utility>

#include "cases/cases.h"
#include "cases/telephony.h"
#include "lab/scenario.h"
#include "lab/table.h"
#include "rt/usage.h"

namespace sluice::cases {
namespace {

using namespace std::chrono_literals;
using redis::Words;

struct Scale {
  double calls_per_second;
  rt::Duration quiet;    // before and between what happens
  rt::Duration outage;   // the cut and the death
  rt::Duration meeting;  // at most, until the data of two sides are united
  double wait_max;       // seconds that a user may wait meanwhile
  std::uint64_t legacy_keys;
};
constexpr Scale kFull{100, 10s, 60s, 180s, 5, 20'000};
constexpr Scale kQuick{40, 1s, 3s, 60s, 20, 500};

// Each region lets this many of an account's calls through by itself; while regions do not hear of
// each other, one account's users may be served in two of them.
constexpr std::uint64_t kLimitBound = 2 * kLimit;

class Platform {
 public:
  Platform(lab::Scenario& scenario, Scale scale)
      : scenario_(scenario),
        world_(scenario.world()),
        scale_(scale),
        mesh_(world_, options()),
        tasks_(world_.host()) {}

  rt::Task<Result<>> play() {
    CO_TRY_VOID(co_await start());
    CO_TRY_VOID(co_await outlast_a_cut());
    CO_TRY_VOID(co_await outlast_a_death());
    CO_TRY_VOID(co_await move_in());
    co_await end_calls();
    co_return co_await compare_all();
  }

  rt::Task<void> stop() {
    co_await end_calls();
    co_await mesh_.stop();
  }

 private:
  static lab::Mesh::Options options() {
    lab::Mesh::Options options;
    options.module = lab::geo_module_beside(rt::executable_path());
    // What a region has acknowledged survives its death.
    options.settings = {
        {"appendonly", "yes"}, {"appendfsync", "always"}, {"repl-ping-replica-period", "1"}};
    return options;
  }

  rt::Task<Result<>> start() {
    scenario_.title("Three regions take calls, a plain Redis elsewhere those of its own users");
    for (const char* name : {"eu", "us", "asia"}) {
      std::string called = name;
      CO_TRY_VOID(co_await mesh_.add(std::move(called)));
    }
    CO_TRY_VOID(co_await mesh_.connect());
    CO_TRY_VOID(co_await mesh_.until_met(30s));
    for (const auto& region : mesh_.regions()) open_office(region->name, *region->master);
    CO_TRY_VOID(co_await start_plain_redis());
    scenario_.say(fmt::format("eu, us, asia and {}: {} calls/s each, {} in {} s per account",
                              kLegacy, scale_.calls_per_second, kLimit, 2));
    CO_TRY_VOID(co_await scenario_.pause(scale_.quiet));
    co_return co_await settle("every region has what all others took");
  }

  void open_office(const std::string& home, lab::Server& master,
                   std::string total = "calls:total") {
    Office::Options options{
        .home = home, .calls_per_second = scale_.calls_per_second, .total = std::move(total)};
    auto& office = offices_[home];
    office = std::make_unique<Office>(world_, master, std::move(options), books_);
    tasks_.spawn(office->run(tasks_));
  }

  // While calls go on, regions are never equal for long; what is lacking must not grow old.
  rt::Task<Result<>> settle(std::string_view what) {
    const double start = scenario_.seconds();
    double asked = start;
    auto before = co_await mesh_.look();
    for (;;) {
      const auto now = co_await mesh_.look();
      if (has_all(now, before)) break;
      if (scenario_.seconds() - start > kPatience) {
        scenario_.expect(false, what);
        co_return Result<>();
      }
      CO_TRY_VOID(co_await scenario_.pause(20ms));
      if (scenario_.seconds() - asked < kAskAgain) continue;
      // Of a life that has ended not everybody gets all.
      asked = scenario_.seconds();
      before = co_await mesh_.look();
    }
    scenario_.expect(true, fmt::format("{}, {:.1f} s later", what, scenario_.seconds() - start));
    co_return Result<>();
  }

  // Whether every region has now what any had before.
  static bool has_all(const std::vector<lab::RegionFigures>& now,
                      const std::vector<lab::RegionFigures>& before) {
    for (const auto& region : now) {
      if (!region.is_up) return false;
      for (const auto& other : before) {
        for (const auto& [actor, seq] : other.vector) {
          const auto have = region.vector.find(actor);
          if (have == region.vector.end() || have->second < seq) return false;
        }
      }
    }
    return true;
  }

  // --- the outages ------------------------------------------------------------------------------

  rt::Task<Result<>> outlast_a_cut() {
    scenario_.title("asia is cut off, and goes on by itself");
    const auto before = offices_["asia"]->calls();
    CO_TRY_VOID(mesh_.cut("asia"));
    CO_TRY_VOID(co_await scenario_.pause(scale_.outage));
    const auto served = offices_["asia"]->calls() - before;
    scenario_.expect(served > 0, fmt::format("asia served {} calls while cut off", served));
    const auto figures = co_await mesh_.look();
    scenario_.say(fmt::format("asia lacks {} ops, metadata is kept for {} keys in eu",
                              figures[2].lacks, figures[0].unstable_keys));
    CO_TRY_VOID(mesh_.heal("asia"));
    CO_TRY_VOID(co_await settle("asia has caught up from the keepers' logs"));
    co_return co_await scenario_.pause(scale_.quiet);
  }

  rt::Task<Result<>> outlast_a_death() {
    scenario_.title("asia dies; us takes its users");
    CO_TRY_VOID(co_await mesh_.kill("asia"));
    offices_["us"]->take_over("asia");
    CO_TRY_VOID(co_await scenario_.pause(scale_.outage));
    CO_TRY_VOID(co_await mesh_.bring_back("asia"));
    scenario_.say("asia is back: master from its AOF, keeper and link from where they were");
    CO_TRY_VOID(co_await settle("asia has caught up"));
    offices_["us"]->hand_back("asia");
    co_return co_await scenario_.pause(scale_.quiet);
  }

  // --- the migration ------------------------------------------------------------------------------

  // As it was installed years ago: no module, and it would not load one while it runs.
  rt::Task<Result<>> start_plain_redis() {
    lab::RedisNode node{.name = kLegacy,
                        .replica_of = "",
                        .settings = {{"appendonly", "yes"}, {"appendfsync", "always"}}};
    CO_TRY(legacy_, co_await world_.start(std::move(node)));
    CO_TRY(const auto client, co_await world_.connect(*legacy_));
    std::vector<Words> commands;
    for (std::uint64_t i = 0; i < scale_.legacy_keys; ++i) {
      const auto n = std::to_string(i);
      commands.push_back({"SET", "legacy:name:" + n, "customer " + n});
      commands.push_back({"HSET", "legacy:profile:" + n, "tier", "gold", "since", n});
      commands.push_back({"ZADD", "legacy:score", n, "customer " + n});
    }
    CO_TRY_VOID(co_await client->pipeline(std::move(commands)));
    scenario_.say(
        fmt::format("{}: a plain Redis with {} keys", kLegacy, 2 * scale_.legacy_keys + 1));
    // Counters that both sides have cannot be told apart once they are united.
    open_office(kLegacy, *legacy_, "calls:total:legacy");
    co_return Result<>();
  }

  rt::Task<Result<>> move_in() {
    scenario_.title("The plain Redis moves into the mesh; its users go on");
    CO_TRY_VOID(co_await hand_over());
    auto& master = *world_.find(kLegacyMaster);
    CO_TRY_VOID(co_await mesh_.adopt(kRegionOfLegacy, master));
    const double start = scenario_.seconds();
    const auto served = offices_[kLegacy]->calls();
    CO_TRY_VOID(co_await mesh_.connect());
    const auto met = co_await mesh_.until_met(scale_.meeting);
    scenario_.expect(
        met.has_value(),
        met ? fmt::format("data of both sides are united, {:.1f} s later; its users made "
                          "{} calls meanwhile",
                          scenario_.seconds() - start, offices_[kLegacy]->calls() - served)
            : met.error().detail);
    const auto wait = offices_[kLegacy]->take_longest_wait();
    scenario_.expect(wait < scale_.wait_max,
                     fmt::format("none of them waited longer than {:.2f} s", wait));
    CO_TRY_VOID(co_await settle("every region has what all others took"));
    scenario_.say("us serves those users too");
    offices_["us"]->take_over(kLegacy);
    CO_TRY_VOID(co_await scenario_.pause(scale_.quiet));
    offices_["us"]->hand_back(kLegacy);
    co_return co_await settle("every region has what us did for them");
  }

  // A replica with the module follows; when it has everything, FAILOVER makes it the master. The server holds writes
  // meanwhile, so that none is lost, and refuses them afterwards, so that users go to the new one.
  rt::Task<Result<>> hand_over() {
    lab::RedisNode node{
        .name = kLegacyMaster, .replica_of = kLegacy, .settings = options().settings};
    node.settings.emplace_back("loadmodule", mesh_.module_line(kRegionOfLegacy, mesh_.next_id()));
    CO_TRY(auto* const heir, co_await world_.start(std::move(node)));
    const auto follows = [](const redis::Info& info) {
      return info.field("master_link_status") == "up";
    };
    CO_TRY_VOID(co_await scenario_.until(*heir, follows, "a replica with the module follows"));
    (void)offices_[kLegacy]->take_longest_wait();
    CO_TRY_VOID(co_await fail_over_to(*heir));
    const auto leads = [](const redis::Info& info) { return info.field("role") == "master"; };
    CO_TRY(const auto after, co_await scenario_.until(*heir, leads, "it is the master"));
    offices_[kLegacy]->move_to(*heir);
    scenario_.say(
        fmt::format("FAILOVER: a replica with the module is the master {:.2f} s later", after));
    co_await world_.stop(*legacy_);
    co_return Result<>();
  }

  // The server takes a replica for online only once that has acknowledged something.
  rt::Task<Result<>> fail_over_to(lab::Server& heir) {
    for (;;) {
      Words failover{"FAILOVER", "TO", "127.0.0.1", std::to_string(heir.port())};
      CO_TRY(const auto reply, co_await world_.call(*legacy_, std::move(failover)));
      if (!reply.is_error()) co_return Result<>();
      if (reply.text.find("not online") == std::string::npos)
        co_return fail(Errc::kRejected, "FAILOVER: " + reply.text);
      CO_TRY_VOID(co_await scenario_.pause(20ms));
    }
  }

  // --- the books ------------------------------------------------------------------------------------

  rt::Task<void> end_calls() {
    tasks_.close();
    co_await tasks_.closed();
  }

  rt::Task<Result<>> compare_all() {
    scenario_.title("The books");
    const auto settled = co_await mesh_.settle(30s);
    scenario_.expect(settled.has_value(),
                     settled ? "no region lacks anything of another" : settled.error().detail);
    for (const auto& region : mesh_.regions()) {
      CO_TRY_VOID(co_await offices_["us"]->drain(region->name));
    }
    CO_TRY_VOID(co_await offices_["us"]->drain(kLegacy));
    CO_TRY_VOID(co_await mesh_.settle(30s));
    const auto equal = co_await mesh_.verify();
    scenario_.expect(equal.has_value(),
                     equal ? "sluice geo verify: all regions are equal" : equal.error().detail);
    for (const auto& region : mesh_.regions()) {
      CO_TRY(const auto wrong, co_await compare(world_, *region->master, books_));
      scenario_.expect(wrong.empty(),
                       fmt::format("{}: counters exact, no call lost", region->name));
      for (const auto& what : wrong) scenario_.say("        " + what);
    }
    const auto busiest = books_.busiest_window();
    scenario_.expect(busiest <= kLimitBound,
                     fmt::format("{} calls of one account at most in {} s: the bound is {}",
                                 busiest, 2, kLimitBound));
    scenario_.say(fmt::format("{} calls, {} refused by limits, {} taken off a queue in two regions",
                              lab::count_text(books_.calls.size()), lab::count_text(books_.refused),
                              books_.answered_twice));
    co_return co_await expect_legacy();
  }

  rt::Task<Result<>> expect_legacy() {
    Words words{"ZCARD", "legacy:score"};
    CO_TRY(const auto reply, co_await world_.need(*mesh_.find("asia")->master, std::move(words)));
    scenario_.expect(reply.integer == static_cast<std::int64_t>(scale_.legacy_keys),
                     "asia has what the plain Redis had");
    co_return Result<>();
  }

  static constexpr double kPatience = 30, kAskAgain = 3;  // seconds
  static constexpr const char* kLegacy = "legacy";
  static constexpr const char* kLegacyMaster = "master-brazil";
  static constexpr const char* kRegionOfLegacy = "brazil";

  lab::Scenario& scenario_;
  lab::World& world_;
  const Scale scale_;
  lab::Mesh mesh_;
  lab::Server* legacy_ = nullptr;
  Books books_;
  std::map<std::string, std::unique_ptr<Office>> offices_;
  rt::Gate tasks_;
};

rt::Task<int> platform(rt::Host& host, lab::Wish& wish, Scale scale) {
  auto folder = lab::Folder::make(host, std::nullopt);
  if (!folder) {
    std::fprintf(stderr, "case active-active: %s\n", folder.error().detail.c_str());
    co_return 1;
  }
  lab::World world(host, *std::move(folder), {.dir = std::nullopt});
  lab::Scenario scenario(world, wish);
  Platform story(scenario, scale);
  const auto outcome = co_await story.play();
  co_await story.stop();
  co_await world.stop();
  if (!outcome) {
    std::fprintf(stderr, "case active-active: %s\n", outcome.error().detail.c_str());
    co_return 1;
  }
  std::printf("\n%s\n", scenario.failures() == 0 ? "every expectation held"
                                                 : "NOT every expectation held: see above");
  co_return scenario.failures() == 0 ? 0 : 1;
}

}  // namespace

int run_active_active(const Options& options) {
  Scale scale = options.is_quick ? kQuick : kFull;
  if (options.keys > 0) scale.legacy_keys = options.keys;
  return lab::run_session(
      [scale](rt::Host& host, lab::Wish& wish) { return platform(host, wish, scale); });
}

}  // namespace sluice::cases
