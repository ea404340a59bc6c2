// Moves IP packets between network namespaces as wan::Link says: an ocean on one machine.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/wan_options.h"
#include "lab/wan_status.h"
#include "rt/gate.h"
#include "rt/host.h"
#include "rt/net_namespace.h"
#include "rt/tun.h"
#include "wan/link.h"

namespace sluice::lab {

// Lives on one core. Its namespaces and devices go with it, and also if its process is killed.
// Processes that still run in a namespace keep it, without a link.
class WanEmulator {
 public:
  // kRejected without root or /dev/net/tun. Blocks.
  static Result<std::unique_ptr<WanEmulator>> make(rt::Host& host, const WanOptions& options);

  // Carries packets until stop(); `tasks` outlives this.
  void start(rt::Gate& tasks);
  void stop();

  // All of it, or nothing: kRejected names what is wrong.
  Result<> change(const WanChange& change);
  WanStatus status();

 private:
  struct Side {
    std::string name;
    std::string address;
    rt::NetNamespace where;
    rt::Tun tun;
  };
  struct Direction {
    std::size_t from = 0;
    std::size_t to = 0;
    wan::Link link;
  };

  WanEmulator(rt::Host& host, WanOptions options) : host_(host), options_(std::move(options)) {}

  Result<> add_side(std::size_t index);
  void add_directions(std::size_t from, std::uint64_t seed);
  Result<> allow_large_where_clear();
  Result<std::vector<Direction*>> chosen(const WanDirections& directions);

  rt::Task<void> carry(Side& side);
  void take(const Side& side, std::span<const char> frame);
  Direction* direction(std::size_t from, std::string_view packet);
  void deliver();
  void wake_when_due();

  wan::Time now() const { return host_.clock().now().since_start; }

  rt::Host& host_;
  const WanOptions options_;
  std::vector<std::unique_ptr<Side>> sides_;
  std::vector<Direction> directions_;  // sides - 1 for each `from`, in order
  std::vector<char> buffer_;
  std::optional<rt::TimerId> timer_;
  wan::Time timer_at_{0};
  bool is_stopping_ = false;
};

}  // namespace sluice::lab
