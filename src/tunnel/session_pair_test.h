// For tests: two sessions and the bytes under way between them.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "tunnel/session.h"

namespace sluice::tunnel {

using namespace std::chrono_literals;

// Each stripe is a pair of byte queues. The caller decides what arrives, and when.
class SessionPair {
 public:
  explicit SessionPair(const Limits& limits)
      : dialer(Side::kDialer, limits, Time{0}), acceptor(Side::kAcceptor, limits, Time{0}) {
    acceptor.answer({});
    add();
  }

  void add() {
    dialer.add_stripe(next_, now);
    acceptor.add_stripe(next_, now);
    wires_[next_++];
  }

  // Both ends find the connection ended; what was under way is lost.
  void kill(StripeNumber number) {
    dialer.remove_stripe(number, now);
    acceptor.remove_stripe(number, now);
    wires_.erase(number);
  }

  // Lets a stripe's writer at either end put one frame on its wire.
  void send(StripeNumber number) {
    if (const auto wire = dialer.next(number, now)) wires_[number].to_acceptor += *wire;
    if (const auto wire = acceptor.next(number, now)) wires_[number].to_dialer += *wire;
  }

  // Up to `count` bytes arrive at each end of a stripe.
  Result<> deliver(StripeNumber number, std::size_t count) {
    auto& wire = wires_[number];
    TRY_VOID(acceptor.receive(number, take(wire.to_acceptor, count), now));
    return dialer.receive(number, take(wire.to_dialer, count), now);
  }

  void pass(Time time) {
    now += time;
    dialer.tick(now);
    acceptor.tick(now);
  }

  // Everything goes everywhere, for so many rounds of time.
  void settle(int rounds, Time each) {
    for (int round = 0; round < rounds; ++round) {
      for (const auto number : numbers()) {
        for (int frame = 0; frame < 100; ++frame) send(number);
        if (!deliver(number, std::string::npos)) return;
      }
      pass(each);
    }
  }

  std::vector<StripeNumber> numbers() const {
    std::vector<StripeNumber> all;
    all.reserve(wires_.size());
    for (const auto& [number, wire] : wires_) all.push_back(number);
    return all;
  }
  std::size_t under_way(StripeNumber number) const {
    return wires_.at(number).to_acceptor.size() + wires_.at(number).to_dialer.size();
  }

  // Reads all that is readable.
  static std::string drain(Session& session, Time now) {
    std::string all;
    std::array<char, 1000> bytes{};
    while (session.is_readable()) {
      const auto count = session.read(bytes, now);
      if (!count) return all + "<" + count.error().detail + ">";
      all.append(bytes.data(), *count);
    }
    return all;
  }

  Session dialer;
  Session acceptor;
  Time now{0};

 private:
  struct Wires {
    std::string to_acceptor;
    std::string to_dialer;
  };
  std::string taken_;
  std::string_view take(std::string& wire, std::size_t count) {
    taken_ = wire.substr(0, count);
    wire.erase(0, taken_.size());
    return taken_;
  }

  StripeNumber next_ = 0;
  std::map<StripeNumber, Wires> wires_;
};

}  // namespace sluice::tunnel
