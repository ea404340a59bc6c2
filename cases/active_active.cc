// Case 1, communications platform: a plain Redis becomes the first of three regions that all take calls; one
// is cut off, then dies and comes back while another serves its users.
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
  rt::Duration quiet;   // before and between what happens
  rt::Duration outage;  // the cut and the death
  std::uint64_t legacy_keys;
};
constexpr Scale kFull{100, 10s, 60s, 20'000};
constexpr Scale kQuick{40, 1s, 3s, 500};

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
    scenario_.title("A plain Redis becomes the first of three regions");
    CO_TRY_VOID(co_await take_in_a_plain_redis());
    for (const char* name : {"us", "asia"}) {
      std::string called = name;
      CO_TRY_VOID(co_await mesh_.add(std::move(called)));
    }
    CO_TRY_VOID(co_await mesh_.connect());
    CO_TRY_VOID(co_await tell_all(*mesh_.find("eu")->master));
    CO_TRY_VOID(co_await settle("us and asia have what the plain Redis had"));
    for (const auto& region : mesh_.regions()) open_office(*region);
    scenario_.title("Three regions take calls");
    scenario_.say(fmt::format("eu, us and asia: {} calls/s each, {} in {} s per account",
                              scale_.calls_per_second, kLimit, 2));
    CO_TRY_VOID(co_await scenario_.pause(scale_.quiet));
    co_return co_await settle("every region has what all others took");
  }

  void open_office(const lab::Mesh::Region& region) {
    Office::Options options{.home = region.name, .calls_per_second = scale_.calls_per_second};
    offices_[region.name] =
        std::make_unique<Office>(world_, *region.master, std::move(options), books_);
    tasks_.spawn(offices_[region.name]->run(tasks_));
  }

  // While calls go on, regions are never equal for long; what is lacking must not grow old.
  rt::Task<Result<>> settle(std::string_view what) {
    const double start = scenario_.seconds();
    const auto before = co_await mesh_.look();
    for (;;) {
      const auto now = co_await mesh_.look();
      bool has_all = true;
      for (const auto& region : now) {
        has_all = has_all && region.is_up;
        for (const auto& other : before) {
          for (const auto& [actor, seq] : other.vector) {
            const auto have = region.vector.find(actor);
            has_all = has_all && have != region.vector.end() && have->second >= seq;
          }
        }
      }
      if (has_all) break;
      if (scenario_.seconds() - start > kPatience) {
        scenario_.expect(false, what);
        co_return Result<>();
      }
      CO_TRY_VOID(co_await scenario_.pause(20ms));
    }
    scenario_.expect(true, fmt::format("{}, {:.1f} s later", what, scenario_.seconds() - start));
    co_return Result<>();
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

  rt::Task<Result<>> take_in_a_plain_redis() {
    lab::RedisNode node{
        .name = "legacy",
        .replica_of = "",
        .settings = {
            {"appendonly", "yes"}, {"appendfsync", "always"}, {"enable-module-command", "local"}}};
    CO_TRY(auto* legacy, co_await world_.start(std::move(node)));
    CO_TRY_VOID(co_await fill(*legacy));
    const auto module = mesh_.module_line("eu", mesh_.next_id());
    scenario_.say("MODULE LOAD " + module);
    Words load{"MODULE", "LOAD"};
    for (std::size_t at = 0; at < module.size();) {
      const auto end = std::min(module.find(' ', at), module.size());
      load.push_back(module.substr(at, end - at));
      at = end + 1;
    }
    CO_TRY_VOID(co_await world_.need(*legacy, std::move(load)));
    CO_TRY_VOID(co_await mesh_.adopt("eu", *legacy));
    co_return Result<>();
  }

  rt::Task<Result<>> fill(lab::Server& legacy) {
    CO_TRY(const auto client, co_await world_.connect(legacy));
    std::vector<Words> commands;
    for (std::uint64_t i = 0; i < scale_.legacy_keys; ++i) {
      const auto n = std::to_string(i);
      commands.push_back({"SET", "legacy:name:" + n, "customer " + n});
      commands.push_back({"HSET", "legacy:profile:" + n, "tier", "gold", "since", n});
      commands.push_back({"ZADD", "legacy:score", n, "customer " + n});
    }
    CO_TRY_VOID(co_await client->pipeline(std::move(commands)));
    scenario_.say(fmt::format("a plain Redis with {} keys", 2 * scale_.legacy_keys + 1));
    co_return Result<>();
  }

  // What was there before the module has no ops: each key is written once over itself.
  rt::Task<Result<>> tell_all(lab::Server& legacy) {
    constexpr const char* kRewrite =
        "for _, key in ipairs(KEYS) do local value = redis.call('DUMP', key) "
        "if value then local ends = redis.call('PEXPIRETIME', key) "
        "if ends < 0 then redis.call('RESTORE', key, 0, value, 'REPLACE') "
        "else redis.call('RESTORE', key, ends, value, 'REPLACE', 'ABSTTL') end end end";
    std::string cursor = "0";
    do {
      Words scan{"SCAN", cursor, "COUNT", "100"};
      CO_TRY(const auto reply, co_await world_.need(legacy, std::move(scan)));
      cursor = reply.elements[0].text;
      const auto& keys = reply.elements[1].elements;
      if (keys.empty()) continue;
      Words rewrite{"EVAL", kRewrite, std::to_string(keys.size())};
      for (const auto& key : keys) rewrite.push_back(key.text);
      CO_TRY_VOID(co_await world_.need(legacy, std::move(rewrite)));
    } while (cursor != "0");
    co_return Result<>();
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

  static constexpr double kPatience = 30;  // seconds

  lab::Scenario& scenario_;
  lab::World& world_;
  const Scale scale_;
  lab::Mesh mesh_;
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
