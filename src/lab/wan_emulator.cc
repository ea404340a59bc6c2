#include "lab/wan_emulator.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

// Packets are delivered up to this late, in batches, so that a fast link does not wake us for each.
constexpr auto kTick = 50us;
// Packets taken from one side before the others have their turn.
constexpr int kTurn = 64;

constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kDestinationAt = 16;

std::string name_of(std::size_t side) {
  return std::string(1, static_cast<char>('a' + side));
}

std::string address_of(std::size_t side) {
  return fmt::format("10.200.0.{}", side + 1);
}

}  // namespace

Result<std::unique_ptr<WanEmulator>> WanEmulator::make(rt::Host& host, const WanOptions& options) {
  auto chosen = options;
  if (chosen.seed == 0) chosen.seed = host.random();
  std::unique_ptr<WanEmulator> made(new WanEmulator(host, chosen));
  made->buffer_.resize(rt::Tun::kFrameBytesMax);
  for (std::size_t side = 0; side < chosen.sides; ++side) {
    TRY_VOID(made->add_side(side));
    made->add_directions(side, chosen.seed + side * kWanSidesMax);
  }
  return made;
}

Result<> WanEmulator::add_side(std::size_t index) {
  const auto buffers = fmt::format("4096 131072 {}", options_.tcp_buffer_max.bytes);
  TRY(auto where, rt::NetNamespace::make());
  TRY_VOID(where.set("ipv6/conf/all/disable_ipv6", "1"));
  TRY_VOID(where.set("ipv4/tcp_rmem", buffers));
  TRY_VOID(where.set("ipv4/tcp_wmem", buffers));
  // A flow starts as on a path never used before, whatever became of the one before it.
  TRY_VOID(where.set("ipv4/tcp_no_metrics_save", "1"));
  rt::TunOptions device;
  device.address = address_of(index);
  device.mtu = static_cast<int>(options_.mtu);
  TRY(auto tun, rt::Tun::open(host_.loop(), where, device));
  Side side{name_of(index), device.address, std::move(where), std::move(tun)};
  sides_.push_back(std::make_unique<Side>(std::move(side)));
  return {};
}

void WanEmulator::add_directions(std::size_t from, std::uint64_t seed) {
  for (std::size_t to = 0; to < options_.sides; ++to) {
    if (to != from) directions_.push_back({from, to, wan::Link(seed + to)});
  }
}

void WanEmulator::start(rt::Gate& tasks) {
  for (auto& side : sides_) tasks.spawn(carry(*side));
}

void WanEmulator::stop() {
  is_stopping_ = true;
  if (timer_) host_.clock().cancel(*timer_);
  timer_.reset();
  for (auto& side : sides_) side->tun.close();
}

// --- packets -------------------------------------------------------------------------------------

rt::Task<void> WanEmulator::carry(Side& side) {
  while (!is_stopping_) {
    int taken = 0;
    for (; taken < kTurn; ++taken) {
      const auto frame = side.tun.read(buffer_);
      if (!frame) break;
      take(side, *frame);
    }
    deliver();
    if (taken < kTurn) {
      co_await side.tun.readable();
    } else {
      co_await rt::yield_to(host_.loop());
    }
  }
}

void WanEmulator::take(const Side& side, std::span<const char> frame) {
  const auto packet = rt::packet_of(frame);
  const auto from = static_cast<std::size_t>(side.name[0] - 'a');
  auto* const way = direction(from, packet);
  if (way == nullptr) return;
  const auto at = now();
  if (way->link.is_clear(at)) {
    way->link.count_passed(packet.size());
    sides_[way->to]->tun.write(frame);
    return;
  }
  way->link.send({packet.size(), {frame.begin(), frame.end()}}, at);
}

// By the last byte of the destination; null if there is no such side.
WanEmulator::Direction* WanEmulator::direction(std::size_t from, std::string_view packet) {
  constexpr char kVersion4 = 0x40;
  if (packet.size() < kIpv4HeaderBytes || (packet[0] & '\xf0') != kVersion4) return nullptr;
  const auto last = static_cast<unsigned char>(packet[kDestinationAt + 3]);
  const auto to = static_cast<std::size_t>(last) - 1;
  if (last == 0 || to >= sides_.size() || to == from) return nullptr;
  return &directions_[from * (sides_.size() - 1) + to - (to > from ? 1 : 0)];
}

void WanEmulator::deliver() {
  const auto at = now();
  for (auto& way : directions_) {
    while (const auto packet = way.link.receive(at)) sides_[way.to]->tun.write(packet->frame);
  }
  wake_when_due();
}

void WanEmulator::wake_when_due() {
  std::optional<wan::Time> next;
  for (const auto& way : directions_) {
    const auto due = way.link.next_due();
    if (due) next = next ? std::min(*next, *due) : due;
  }
  if (!next || is_stopping_) return;
  const wan::Time at = std::max(*next, now() + kTick);
  if (timer_ && timer_at_ <= at) return;
  if (timer_) host_.clock().cancel(*timer_);
  timer_at_ = at;
  timer_ = host_.clock().call_at({at}, [this] {
    timer_.reset();
    deliver();
  });
}

// --- conditions ----------------------------------------------------------------------------------

Result<std::vector<WanEmulator::Direction*>> WanEmulator::chosen(const WanDirections& directions) {
  for (const auto* name : {&directions.from, &directions.to}) {
    const auto is_it = [name](const auto& side) { return side->name == *name; };
    if (name->empty() || std::ranges::any_of(sides_, is_it)) continue;
    return fail(Errc::kRejected,
                fmt::format("there is no side '{}': they are a to {}", *name, sides_.back()->name));
  }
  std::vector<Direction*> found;
  for (auto& way : directions_) {
    const bool is_from = directions.from.empty() || directions.from == sides_[way.from]->name;
    const bool is_to = directions.to.empty() || directions.to == sides_[way.to]->name;
    if (is_from && is_to) found.push_back(&way);
  }
  if (found.empty()) return fail(Errc::kRejected, "no direction leads from a side to itself");
  return found;
}

Result<> WanEmulator::change(const WanChange& change) {
  TRY(const auto ways, chosen(change.directions));
  std::vector<wan::Conditions> wanted;
  for (const auto* way : ways) {
    auto conditions = change.clears ? wan::Conditions() : way->link.conditions();
    base::Settings settings(conditions, wan::kConditionFields);
    for (const auto& given : change.conditions) TRY_VOID(settings.assign(given));
    wanted.push_back(conditions);
  }
  const auto at = now();
  for (std::size_t i = 0; i < ways.size(); ++i) {
    auto& link = ways[i]->link;
    link.set(wanted[i], at);
    if (change.heals) link.cut_until(at, at);
    if (change.cut > 0ns) link.cut_until(at + change.cut, at);
  }
  wake_when_due();
  return allow_large_where_clear();
}

Result<> WanEmulator::allow_large_where_clear() {
  for (std::size_t from = 0; from < sides_.size(); ++from) {
    const auto is_clear = [from](const Direction& way) {
      return way.from != from || way.link.conditions().are_clear();
    };
    TRY_VOID(sides_[from]->tun.allow_large(std::ranges::all_of(directions_, is_clear)));
  }
  return {};
}

WanStatus WanEmulator::status() {
  const auto at = now();
  WanStatus status{options_.name, options_.seed, {}, {}};
  for (const auto& side : sides_) {
    status.sides.push_back({side->name, side->address, side->where.path(), side->tun.missed()});
  }
  for (auto& way : directions_) {
    way.link.advance(at);
    const auto cut = way.link.is_cut(at) ? way.link.cut_until() - at : 0ns;
    status.directions.push_back({sides_[way.from]->name, sides_[way.to]->name,
                                 way.link.conditions(), cut, way.link.counters()});
  }
  return status;
}

}  // namespace sluice::lab
