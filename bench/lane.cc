#include "lane.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <ranges>
#include <utility>

namespace sluice::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kSinkPort = 7000;
constexpr std::uint16_t kRelayPort = 7001;
constexpr std::uint16_t kBesidePort = 7002;  // of a sink beside another

constexpr std::array kCongestionControls{"reno", "cubic", "bbr"};

// On the hosts of a WAN nobody else has ports.
std::vector<std::string> on(const lab::WanSideStatus& side) {
  return {"nsenter", "--net=" + side.netns};
}

std::vector<std::string> split(const std::string& name) {
  std::vector<std::string> words;
  for (const auto word : name | std::views::split('+'))
    words.emplace_back(word.begin(), word.end());
  if (words.empty()) words.emplace_back();
  return words;
}

}  // namespace

Result<Carrier> carrier_of(const std::string& name) {
  Carrier carrier;
  carrier.name = name;
  if (std::ranges::find(kCongestionControls, name) != kCongestionControls.end()) {
    carrier.congestion = name;
    return carrier;
  }
  carrier.is_relayed = true;
  auto words = split(name);
  if (words.front() == "sluice-text") carrier.content = "text";
  if (words.front() != "sluice" && words.front() != "sluice-text") {
    return fail(Errc::kRejected,
                "there is no row '" + name +
                    "': write reno, cubic, bbr, sluice or sluice-text; the last two "
                    "with flags of their relays, as sluice+stripes=8");
  }
  for (auto& word : words | std::views::drop(1)) carrier.relay_flags.push_back("--" + word);
  return carrier;
}

// --- Ocean ---------------------------------------------------------------------------------------

Ocean::Ocean(std::unique_ptr<lab::Ocean> ocean)
    : ocean_(std::move(ocean)), sides_(ocean_->status().sides) {}

Result<std::unique_ptr<Ocean>> Ocean::make(rt::Host& host, std::uint32_t lanes) {
  lab::WanOptions options;
  options.sides = 2 * lanes;
  if (options.sides > lab::kWanSidesMax) {
    return fail(Errc::kRejected, fmt::format("at most {} rows", lab::kWanSidesMax / 2));
  }
  TRY(auto ocean, lab::Ocean::make(host, options));
  return std::unique_ptr<Ocean>(new Ocean(std::move(ocean)));
}

Result<> Ocean::check_sound() {
  const double missed = ocean_->missed_share();
  if (missed == 0) return {};
  return fail(
      Errc::kRejected,
      fmt::format("the emulation dropped {:.6f} % of the packets of its own: the run is void",
                  missed * 100));
}

// --- Lane ----------------------------------------------------------------------------------------

std::string Lane::stats_file() const {
  return stage_.stats_file("flow-" + ocean_.near(number_).name + (is_beside_ ? "-beside" : ""));
}

Result<std::unique_ptr<rt::Process>> Lane::worker(const lab::WanSideStatus& side,
                                                  std::vector<std::string> words) {
  words.insert(words.end(), {"--stats", stats_file()});
  return stage_.worker(std::move(words), on(side));
}

Result<> Lane::start_relay(const lab::WanSideStatus& side, std::unique_ptr<rt::Process>& relay) {
  rt::ProcessSpec how;
  how.argv = on(side);
  const auto listen = fmt::format("{}:{}", side.address, kRelayPort);
  how.argv.insert(how.argv.end(),
                  {sluice_path(), "relay", "--listen", listen, "--allow", "10.200.0.0/24"});
  how.argv.insert(how.argv.end(), carrier_.relay_flags.begin(), carrier_.relay_flags.end());
  how.output_file = stage_.stats_file("relays.log");
  TRY(relay, stage_.host().start(how));
  return {};
}

rt::Task<Result<>> Lane::start() {
  const auto& near = ocean_.near(number_);
  const auto& far = ocean_.far(number_);
  const auto sink_port = is_beside_ ? kBesidePort : kSinkPort;
  stats_ = make_shared_stats<FlowStats>(stats_file());
  std::vector<std::string> sink{"sink", "--address", far.address, "--port",
                                std::to_string(sink_port)};
  CO_TRY(sink_, worker(far, std::move(sink)));
  std::function<bool()> listens = [this] { return stats_->is_listening.load(); };
  CO_TRY_VOID(co_await stage_.until(std::move(listens), 10s, "a sink does not listen"));
  std::vector<std::string> source{"source", "--content", carrier_.content, "--bytes-per-second",
                                  fmt::format("{:.0f}", carrier_.bytes_per_second)};
  if (carrier_.is_relayed) {
    if (!is_beside_) CO_TRY_VOID(start_relay(far, far_relay_));
    if (!is_beside_) CO_TRY_VOID(start_relay(near, near_relay_));
    const auto route = fmt::format("+PROXY ROUTE PROXYTCP://{}:{} TCP://{}:{};", far.address,
                                   kRelayPort, far.address, sink_port);
    source.insert(source.end(), {"--address", near.address, "--port", std::to_string(kRelayPort),
                                 "--first-line", route});
  } else {
    source.insert(source.end(), {"--address", far.address, "--port", std::to_string(sink_port)});
  }
  if (!carrier_.congestion.empty()) {
    source.insert(source.end(), {"--congestion", carrier_.congestion});
  }
  CO_TRY(source_, worker(near, std::move(source)));
  std::function<bool()> flows = [this] { return stats_->received > 0; };
  const auto what = carrier_.name + ": nothing arrives; see relays.log and workers.log";
  co_return co_await stage_.until(std::move(flows), 30s, what);
}

}  // namespace sluice::bench
