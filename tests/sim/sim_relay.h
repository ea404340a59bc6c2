// A relay of a simulated world, over all the boots of its machine.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keeper/sim_node_test.h"
#include "relay/config.h"
#include "relay/server.h"

namespace sluice::tests {

class SimRelay final : public keeper::SimNode {
 public:
  SimRelay(sim::World& world, const keeper::SimNotes& notes, std::string_view name,
           relay::Config config);

  bool is_done() const override;

 private:
  // A process, from its boot until nothing of it runs.
  struct Run {
    relay::Config config;
    base::Metrics metrics;
    std::unique_ptr<relay::Server> server;
    bool is_done = false;
  };

  Result<> start(sim::Host& host) override;
  void stop() override;
  void lose(sim::Crash) override {}  // it keeps nothing, and promises nothing
  void note_stripes();
  static rt::Task<void> run_server(Run& run);

  const relay::Config config_;
  keeper::SimNodeLog log_;
  std::vector<std::unique_ptr<Run>> runs_;  // the last one may be running
};

// One whose transport is drawn from the world's chance.
std::unique_ptr<keeper::SimNode> make_relay(sim::World& world, const keeper::SimNotes& notes,
                                            std::string_view name, std::vector<std::string> to);

}  // namespace sluice::tests
