// Listening on a simulated machine.
#pragma once

#include <deque>
#include <memory>

#include "rt/parked.h"
#include "sim/connection.h"

namespace sluice::sim {

class Listener : public rt::Listener, public Mortal {
 public:
  Listener(Network& network, Host& host, base::Endpoint at);
  ~Listener() override;

  rt::Task<Result<std::unique_ptr<rt::Stream>>> accept() override;
  void close() override;
  void die() override { close(); }
  base::Endpoint local() const override { return at_; }

  Host& host() { return host_; }
  void push(std::shared_ptr<Connection> connection);

 private:
  Network& network_;
  Host& host_;
  base::Endpoint at_;
  bool is_open_ = true;
  std::deque<std::unique_ptr<rt::Stream>> waiting_;  // made, not yet accepted
  rt::Parked accepter_;
};

}  // namespace sluice::sim
