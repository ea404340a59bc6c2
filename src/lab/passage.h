// A way over TCP to a port of this machine that can be cut and healed.
#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "rt/gate.h"
#include "rt/host.h"
#include "rt/network.h"

namespace sluice::lab {

// Lives on one core; stop() before it is destroyed.
class Passage {
 public:
  static Result<std::unique_ptr<Passage>> open(rt::Host& host, std::uint16_t to);
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  std::uint16_t port() const { return listener_->local().port; }

  // Ends every connection, and those that come until heal() at once.
  void cut();
  void heal() { is_cut_ = false; }
  bool is_cut() const { return is_cut_; }

  rt::Task<void> stop();

 private:
  struct Pair {
    rt::Stream& near;
    rt::Stream& far;
    void close() const;
  };

  Passage(rt::Host& host, std::uint16_t to) : host_(host), to_(to), tasks_(host) {}

  rt::Task<void> accept_all();
  rt::Task<void> carry(std::unique_ptr<rt::Stream> near);
  rt::Task<void> pump(const Pair& pair, rt::Stream& from, rt::Stream& to);

  rt::Host& host_;
  const std::uint16_t to_;
  std::unique_ptr<rt::Listener> listener_;
  std::set<const Pair*> open_;
  bool is_cut_ = false;
  rt::Gate tasks_;
};

}  // namespace sluice::lab
