#include "cases/single_flows.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <utility>

#include "lab/flow.h"

namespace sluice::cases {
namespace {

using lab::Server;

constexpr std::array kRows{"reno", "cubic", "bbr", "sluice"};
constexpr const char* kLoopback = "127.0.0.1";
constexpr double kBeginsWithin = 20;  // seconds

// Two sites and a flow from one to the other; for "sluice", a relay on each.
class Lane {
 public:
  Lane(lab::World& world, std::string name, lab::Certificate certificate)
      : world_(world),
        name_(std::move(name)),
        certificate_(std::move(certificate)),
        flow_(world.host()) {}

  rt::Task<Result<>> start(lab::WanSideStatus near, lab::WanSideStatus far) {
    near.name = name_ + "-near";
    far.name = name_ + "-far";
    CO_TRY_VOID(world_.add_site(near));
    CO_TRY_VOID(world_.add_site(far));
    const auto& near_site = *world_.site(near.name);
    const auto& far_site = *world_.site(far.name);
    if (name_ != "sluice") {
      CO_TRY(const auto sink, flow_.listen(far_site, far.address));
      flow_.send(near_site, {.to = sink, .route = "", .congestion = name_});
      co_return Result<>();
    }
    CO_TRY(const auto sink, flow_.listen(far_site, kLoopback));
    const auto target = base::to_string(sink);
    CO_TRY(const auto* last, co_await start_relay(far.name, target));
    const auto next = fmt::format("{}:{}", far.address, last->tls_port());
    CO_TRY(const auto* first, co_await start_relay(near.name, next));
    lab::Flow::Way way{.to = {.host = kLoopback, .port = first->port()},
                       .route = fmt::format("PROXYTLS://{} TCP://{}", next, target),
                       .congestion = ""};
    flow_.send(near_site, std::move(way));
    co_return Result<>();
  }

  rt::Task<void> stop() {
    co_await flow_.stop();
    for (auto* relay : relays_) co_await world_.kill(*relay);
  }

  std::uint64_t received() const { return flow_.received(); }

 private:
  rt::Task<Result<Server*>> start_relay(std::string site, std::string target) {
    lab::RelayNode node{.name = "relay-" + site,
                        .certificate = certificate_,
                        .allow = {target},
                        .run_by = {},
                        .site = site};
    CO_TRY(auto* relay, co_await world_.start(std::move(node)));
    relays_.push_back(relay);
    co_return relay;
  }

  lab::World& world_;
  const std::string name_;
  const lab::Certificate certificate_;
  lab::Flow flow_;
  std::vector<Server*> relays_;
};

class Comparison {
 public:
  Comparison(lab::Scenario& scenario, lab::Ocean& ocean, FlowScale scale)
      : scenario_(scenario), ocean_(ocean), scale_(std::move(scale)) {}

  rt::Task<Result<std::vector<FlowRate>>> measure(lab::Certificate certificate) {
    CO_TRY_VOID(ocean_.set(scale_.conditions));
    const auto sides = ocean_.status().sides;
    for (std::size_t i = 0; i < kRows.size(); ++i) {
      auto lane = std::make_unique<Lane>(scenario_.world(), kRows[i], certificate);
      lanes_.push_back(std::move(lane));
      const auto& near = sides[2 * i];
      const auto& far = sides[2 * i + 1];
      CO_TRY_VOID(co_await lanes_.back()->start(near, far));
    }
    CO_TRY_VOID(co_await all_flow());
    CO_TRY_VOID(co_await scenario_.pause(scale_.warm));
    std::vector<std::uint64_t> before;
    before.reserve(lanes_.size());
    for (const auto& lane : lanes_) before.push_back(lane->received());
    const double start = scenario_.seconds();
    CO_TRY_VOID(co_await scenario_.pause(scale_.measured));
    const double seconds = scenario_.seconds() - start;
    std::vector<FlowRate> rates;
    for (std::size_t i = 0; i < kRows.size(); ++i) {
      const auto bytes = static_cast<double>(lanes_[i]->received() - before[i]);
      rates.push_back({kRows[i], bytes / seconds});
    }
    co_return rates;
  }

  rt::Task<void> stop() {
    for (auto& lane : lanes_) co_await lane->stop();
  }

 private:
  // Relays take a few round trips, and more on a machine that is busy. One that never flows shows in its rate.
  rt::Task<Result<>> all_flow() {
    const auto flows = [](const auto& lane) { return lane->received() > 0; };
    const double until = scenario_.seconds() + kBeginsWithin;
    while (!std::ranges::all_of(lanes_, flows) && scenario_.seconds() < until) {
      CO_TRY_VOID(co_await scenario_.pause(std::chrono::milliseconds(20)));
    }
    co_return Result<>();
  }

  lab::Scenario& scenario_;
  lab::Ocean& ocean_;
  const FlowScale scale_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace

rt::Task<Result<std::vector<FlowRate>>> measure_flows(lab::Scenario& scenario, FlowScale scale,
                                                      lab::Certificate certificate) {
  lab::WanOptions options;
  options.sides = 2 * kRows.size();
  CO_TRY(const auto ocean, lab::Ocean::make(scenario.world().host(), options));
  Comparison comparison(scenario, *ocean, std::move(scale));
  auto rates = co_await comparison.measure(std::move(certificate));
  co_await comparison.stop();
  co_await ocean->stop();
  co_return rates;
}

}  // namespace sluice::cases
