// One connection of a tunnel, as the files of hop::Tunnel share it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "hop/tunnel.h"
#include "rt/event.h"

namespace sluice::hop {

// Both its tasks refer to it; it goes when the second ends.
struct Tunnel::Connection {
  Connection(std::unique_ptr<rt::Stream> connected, tunnel::StripeNumber its_number, rt::Host& host)
      : stream(std::move(connected)),
        number(its_number),
        work(host.loop(), host.clock()),
        probe_put_off(host.clock().now().since_start) {}

  std::unique_ptr<rt::Stream> stream;
  tunnel::StripeNumber number;
  rt::Event work;
  bool is_idle = false;  // its writer waits for work
  bool is_dead = false;
  bool was_heard = false;
  tunnel::Time probe_put_off;  // when BBR's ten seconds began last
  std::uint64_t arrived = 0;   // says its TCP, as seen last
  int tasks = 2;
};

}  // namespace sluice::hop
