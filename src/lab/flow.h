// One TCP flow as fast as it goes, from one site to another: what a link gives to a sender.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "lab/world.h"

namespace sluice::lab {

// Random bytes, read and dropped. Both ends are on this core; stop() before it is destroyed.
class Flow {
 public:
  struct Way {
    base::Endpoint to;       // what the source connects to
    std::string route;       // asked for there, if it is a relay; empty: none
    std::string congestion;  // of the source's socket; empty: the system's
  };

  explicit Flow(rt::Host& host) : host_(host), tasks_(host) {}

  // Where the far end takes connections.
  Result<base::Endpoint> listen(const Site& far, const std::string& address);
  void send(const Site& near, Way way);
  rt::Task<void> stop();

  std::uint64_t received() const { return received_; }

 private:
  rt::Task<void> accept();
  rt::Task<void> receive(rt::Stream& stream);
  rt::Task<void> emit(const Site& near, Way way);
  rt::Task<Result<>> pour(const Site& near, Way way);

  rt::Host& host_;
  rt::Gate tasks_;
  std::unique_ptr<rt::Listener> listener_;
  std::unique_ptr<rt::Stream> source_;
  std::list<std::unique_ptr<rt::Stream>> sinks_;
  std::uint64_t received_ = 0;
};

}  // namespace sluice::lab
