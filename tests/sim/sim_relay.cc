#include "tests/sim/sim_relay.h"

#include <algorithm>
#include <utility>

#include "keeper/sim_world_test.h"

namespace sluice::tests {

SimRelay::SimRelay(sim::World& world, const keeper::SimNotes& notes, std::string_view name,
                   relay::Config config)
    : SimNode(world, notes, name), config_(std::move(config)), log_(notes, std::string(name)) {}

rt::Task<void> SimRelay::run_server(Run& run) {
  co_await run.server->run();
  run.is_done = true;
}

Result<> SimRelay::start(sim::Host& host) {
  auto run = std::make_unique<Run>();
  run->config = config_;
  run->server = std::make_unique<relay::Server>(host, run->config, run->metrics, base::Log(log_));
  TRY_VOID(run->server->open());
  std::erase_if(runs_, [](const auto& each) { return each->is_done; });
  world().spawn(run_server(*run));
  runs_.push_back(std::move(run));
  return {};
}

void SimRelay::stop() {
  note_stripes();
  for (int signal = 0; signal < 2; ++signal) runs_.back()->server->drain();
}

// Every end of a tunnel has one connection at least; those with more are striped.
void SimRelay::note_stripes() {
  auto& metrics = runs_.back()->metrics;
  const auto stripes = metrics.gauge({"sluice_relay_stripes", ""}).value();
  const auto tunnels = metrics.gauge({"sluice_relay_tunnels", ""}).value();
  if (stripes > 2 * tunnels) notes().count("striped tunnels");
}

bool SimRelay::is_done() const {
  return std::ranges::all_of(runs_, [](const auto& run) { return run->is_done; });
}

std::unique_ptr<keeper::SimNode> make_relay(sim::World& world, const keeper::SimNotes& notes,
                                            std::string_view name, std::vector<std::string> to) {
  auto& random = world.random();
  relay::Config config;
  config.settings.listen = base::Endpoint{"", keeper::kRelayPort};
  config.settings.allow = std::move(to);
  config.settings.stripes = static_cast<std::uint32_t>(random.between(1, 4));
  config.settings.stripes_from_bytes = {random.below(20'000)};
  config.settings.compression = !random.one_in(3);
  config.settings.buffer_bytes = {random.between(4096, 65'536)};
  return std::make_unique<SimRelay>(world, notes, name, std::move(config));
}

}  // namespace sluice::tests
