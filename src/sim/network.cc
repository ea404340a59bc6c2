#include "sim/network.h"

#include <algorithm>

#include "base/check.h"
#include "rt/deadline.h"
#include "rt/event.h"
#include "sim/listener.h"
#include "sim/machine.h"

namespace sluice::sim {

namespace {
using namespace std::chrono_literals;
constexpr rt::Duration kRetransmission = 1s;
constexpr rt::Duration kRetransmissionMin = 200ms;
}  // namespace

// An attempt to connect, which its caller may give up before its answer comes.
struct Network::Dial : public Mortal {
  Dial(Host& host, base::Endpoint target) : from(host), to(std::move(target)) { from.add(*this); }
  ~Dial() override { from.remove(*this); }

  void die() override { finish(fail(Errc::kCancelled, "the process has crashed")); }
  void finish(Result<std::shared_ptr<Connection>> result) {
    if (outcome) return;
    outcome = std::move(result);
    if (caller.is_occupied()) caller.resume(from.loop());
  }

  Host& from;
  base::Endpoint to;
  std::optional<Result<std::shared_ptr<Connection>>> outcome;
  rt::Parked caller;
};

void Network::set_link(std::string_view a, std::string_view b, const Link& link) {
  links_[{std::string(a), std::string(b)}] = link;
  links_[{std::string(b), std::string(a)}] = link;
}

const Link& Network::link(const Machine& from, const Machine& to) const {
  if (links_.empty()) return default_link_;
  const auto found = links_.find({from.name(), to.name()});
  return found == links_.end() ? default_link_ : found->second;
}

rt::Duration Network::travel_time(const Machine& from, const Machine& to) {
  const auto& way = link(from, to);
  const auto extra = world_.random().below(static_cast<std::uint64_t>(way.jitter.count()) + 1);
  auto time = way.latency + rt::Duration(static_cast<std::int64_t>(extra));
  while (way.lost_per_mille > 0 && world_.random().below(1000) < way.lost_per_mille) {
    time += std::max<rt::Duration>(kRetransmissionMin, 2 * way.latency);
  }
  return time;
}

bool Network::is_cut(const Machine& from, const Machine& to) const {
  return !cuts_.empty() && cuts_.contains({from.name(), to.name()});
}

void Network::cut_one_way(std::string_view from, std::string_view to) {
  cuts_[{std::string(from), std::string(to)}] = true;
}

void Network::cut(std::string_view a, std::string_view b) {
  cut_one_way(a, b);
  cut_one_way(b, a);
}

void Network::isolate(std::string_view name) {
  for (const auto& other : world_.machine_names()) {
    if (other != name) cut(name, other);
  }
}

void Network::heal(std::string_view a, std::string_view b) {
  cuts_.erase({std::string(a), std::string(b)});
  cuts_.erase({std::string(b), std::string(a)});
  for (const auto& each : connections_) {
    if (const auto connection = each.lock()) connection->resume();
  }
}

void Network::heal_all() {
  cuts_.clear();
  heal("", "");
}

void Network::reset(std::string_view a, std::string_view b) {
  for (const auto& each : connections_) {
    const auto connection = each.lock();
    if (!connection) continue;
    const auto& one = connection->end(0).machine->name();
    const auto& other = connection->end(1).machine->name();
    if ((one == a && other == b) || (one == b && other == a)) connection->reset();
  }
}

void Network::machine_booted(Machine& machine) {
  for (const auto& each : connections_) {
    const auto connection = each.lock();
    if (!connection) continue;
    for (const int side : {0, 1}) {
      if (connection->end(side).machine == &machine) connection->peer_forgot(side);
    }
  }
}

Machine* Network::machine_of(Host& asker, const std::string& name) {
  if (name == "localhost" || name == "127.0.0.1" || name == "::1") return &asker.machine();
  return world_.find(name);
}

Listener* Network::listener_at(const Machine& machine, std::uint16_t port) {
  const auto found = listeners_.find({machine.name(), port});
  return found == listeners_.end() ? nullptr : found->second;
}

rt::Task<Result<std::unique_ptr<rt::Stream>>> Network::connect(Host& from, base::Endpoint to,
                                                               rt::Duration timeout) {
  if (!from.is_alive()) co_return fail(Errc::kCancelled, "the process has crashed");
  const auto name = to_string(to);
  const Machine* target = machine_of(from, to.host);
  if (target == nullptr) {
    co_return fail(Errc::kDisconnected, "resolving " + to.host + ": no such host");
  }
  const auto dial = std::make_shared<Dial>(from, std::move(to));
  world_.timers().add(world_.now() + travel_time(from.machine(), *target),
                      [this, dial] { arrive(dial); });
  std::function<void()> give_up = [dial, name] {
    dial->finish(fail(Errc::kTimedOut, name + ": no answer"));
  };
  const rt::Deadline limit(from.clock(), world_.now() + timeout, std::move(give_up));
  co_await dial->caller.park();
  if (!*dial->outcome) co_return tl::unexpected<Error>(std::move(*dial->outcome).error());
  co_return (**dial->outcome)->open(0);
}

// The request reaches its target, or is lost and sent again a second later.
void Network::arrive(const std::shared_ptr<Dial>& dial) {
  if (dial->outcome) return;
  Machine& source = dial->from.machine();
  Machine& target = *machine_of(dial->from, dial->to.host);
  if (is_cut(source, target) || is_cut(target, source) || !target.has_power()) {
    world_.timers().add(world_.now() + kRetransmission, [this, dial] { arrive(dial); });
    return;
  }
  Listener* listener = listener_at(target, dial->to.port);
  if (listener == nullptr) {
    answer(dial, fail(Errc::kDisconnected, to_string(dial->to) + ": connection refused"));
    return;
  }
  const Connection::End caller{&source, &dial->from, {source.name(), next_port_++}};
  const Connection::End called{&target, &listener->host(), {target.name(), dial->to.port}};
  const auto connection = std::make_shared<Connection>(
      *this, connections_made_++, std::array<Connection::End, 2>{caller, called});
  if (next_port_ == 0) next_port_ = 40000;
  std::erase_if(connections_, [](const auto& each) { return each.expired(); });
  connections_.push_back(connection);
  world_.note('C', connections_made_, dial->to.port);
  listener->push(connection);
  answer(dial, connection);
}

void Network::answer(const std::shared_ptr<Dial>& dial,
                     Result<std::shared_ptr<Connection>> outcome) {
  Machine& target = *machine_of(dial->from, dial->to.host);
  world_.timers().add(world_.now() + travel_time(target, dial->from.machine()),
                      [dial, outcome = std::move(outcome)] {
                        // One who gave up, or died, answers the connection with a reset.
                        if (dial->outcome && outcome) (*outcome)->reset();
                        dial->finish(outcome);
                      });
}

Result<std::unique_ptr<rt::Listener>> Network::listen(Host& host, const base::Endpoint& at) {
  if (!host.is_alive()) return fail(Errc::kCancelled, "the process has crashed");
  auto place = base::Endpoint{host.machine().name(), at.port};
  if (place.port == 0) place.port = next_port_++;
  auto& slot = listeners_[{place.host, place.port}];
  if (slot != nullptr) {
    return fail(Errc::kRejected, "listening on " + to_string(at) + ": address already in use");
  }
  auto listener = std::make_unique<Listener>(*this, host, place);
  slot = listener.get();
  return listener;
}

void Network::unlisten(Listener& listener) {
  const auto at = listener.local();
  listeners_.erase({at.host, at.port});
}

// --- Listener -----------------------------------------------------------------------------------

Listener::Listener(Network& network, Host& host, base::Endpoint at)
    : network_(network), host_(host), at_(std::move(at)) {
  host_.add(*this);
}

Listener::~Listener() {
  close();
  host_.remove(*this);
}

rt::Task<Result<std::unique_ptr<rt::Stream>>> Listener::accept() {
  while (is_open_ && waiting_.empty()) co_await accepter_.park();
  if (!is_open_) co_return fail(Errc::kCancelled, "listener closed");
  auto stream = std::move(waiting_.front());
  waiting_.pop_front();
  co_return stream;
}

void Listener::close() {
  if (!is_open_) return;
  is_open_ = false;
  network_.unlisten(*this);
  waiting_.clear();
  if (accepter_.is_occupied()) accepter_.resume(host_.loop());
}

void Listener::push(std::shared_ptr<Connection> connection) {
  waiting_.push_back(connection->open(1));
  if (accepter_.is_occupied()) accepter_.resume(host_.loop());
}

}  // namespace sluice::sim
