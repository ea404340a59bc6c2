// The network between simulated machines: latency, bandwidth, cuts, resets.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rt/network.h"
#include "sim/connection.h"
#include "sim/world.h"

namespace sluice::sim {

class Host;
class Listener;

// One way from machine to machine.
struct Link {
  rt::Duration latency = std::chrono::microseconds(100);
  rt::Duration jitter = std::chrono::microseconds(50);  // each piece takes up to this much longer
  std::uint64_t bytes_per_second = 0;                   // 0: no limit. Each connection has its own.
  // Pieces that are lost and sent again, as often as it takes; what follows them waits, as in TCP.
  std::uint32_t lost_per_mille = 0;
  std::size_t window_bytes = 64 * 1024;  // a writer waits when so much is unread by the peer
};

// An endpoint's host is a machine's name; "localhost", "127.0.0.1" and "::1" are the asker itself.
class Network {
 public:
  explicit Network(World& world) : world_(world) {}
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Both ways between two machines, from the next piece on (the window: from the next connection).
  void set_link(std::string_view a, std::string_view b, const Link& link);
  void set_default_link(const Link& link) { default_link_ = link; }

  // Nothing passes from `from` to `to`; what is sent waits, as with retransmissions. Connections
  // live on: whether anybody gives up is for them to decide.
  void cut_one_way(std::string_view from, std::string_view to);
  void cut(std::string_view a, std::string_view b);
  // Cuts `name` off from every machine there is.
  void isolate(std::string_view name);
  void heal(std::string_view a, std::string_view b);
  void heal_all();

  // All connections between the two end with a reset.
  void reset(std::string_view a, std::string_view b);

  std::uint64_t connections_made() const { return connections_made_; }

  // --- for the parts of sim -------------------------------------------------------------------

  rt::Task<Result<std::unique_ptr<rt::Stream>>> connect(Host& from, base::Endpoint to,
                                                        rt::Duration timeout);
  Result<std::unique_ptr<rt::Listener>> listen(Host& host, const base::Endpoint& at);
  void unlisten(Listener& listener);
  void machine_booted(Machine& machine);

  World& world() { return world_; }
  const Link& link(const Machine& from, const Machine& to) const;
  bool is_cut(const Machine& from, const Machine& to) const;
  // How long a piece takes on its way; random.
  rt::Duration travel_time(const Machine& from, const Machine& to);

 private:
  struct Dial;
  using Way = std::pair<std::string, std::string>;

  Machine* machine_of(Host& asker, const std::string& name);
  void arrive(const std::shared_ptr<Dial>& dial);
  void answer(const std::shared_ptr<Dial>& dial, Result<std::shared_ptr<Connection>> outcome);
  Listener* listener_at(const Machine& machine, std::uint16_t port);

  World& world_;
  Link default_link_;
  std::map<Way, Link> links_;
  std::map<Way, bool> cuts_;
  std::map<std::pair<std::string, std::uint16_t>, Listener*> listeners_;
  std::vector<std::weak_ptr<Connection>> connections_;  // some gone
  std::uint64_t connections_made_ = 0;
  std::uint16_t next_port_ = 40000;
};

}  // namespace sluice::sim
