// A relay on one core: takes connections, follows their routes, answers PING and MONITOR.
//
//   accept -> line -> ROUTE -> allowed? -> best next node -> connect -> [line for it] -> pump
//               |-> PING, MONITOR -> answer, next line
//               `-> anything else -> refused, counted, logged once per interval
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "hop/tunnels.h"
#include "relay/config.h"
#include "relay/metrics.h"
#include "relay/monitor.h"
#include "relay/tunnel.h"
#include "rt/gate.h"
#include "rt/host.h"
#include "tunnel/answer.h"
#include "tunnel/line_reader.h"
#include "tunnel/route.h"

namespace sluice::relay {

class Server {
 public:
  // Both outlive the server. `config` has passed check().
  Server(rt::Host& host, const Config& config, base::Metrics& metrics, base::Log log);
  ~Server();

  // Binds the listeners; blocks, so it is called before the loop runs.
  Result<> open();
  std::vector<std::string> addresses() const;  // one line per listener

  // Returns once drained: after drain() and the end of the last tunnel or drain_time.
  rt::Task<void> run();

  // The first call stops taking tunnels, the second ends those that are open.
  void drain();

  // From now on. Ends the tunnels that it does not allow, and returns how many.
  std::size_t set_allow_list(AllowList allow);

  bool is_draining() const { return is_draining_; }
  std::size_t tunnels() const { return tunnels_.size(); }
  const hop::NextHops& next_hops() const { return transport_.next_hops(); }

 private:
  struct Tunnel;  // one that is open
  struct Client;  // one connection that asks

  struct Refused {
    Refusal why;
    std::string detail;
    // What a peer that speaks Sluice is answered, if it is not what `why` stands for.
    std::optional<tunnel::AnswerCode> code{};
  };
  // A node that may be connected to, at one of its addresses.
  struct Candidate {
    tunnel::Node node;
    base::Endpoint address;
  };
  struct Backend {
    tunnel::Node node;
    hop::Dialled dialled;
  };

  rt::Task<void> accept_loop(rt::Listener& listener);
  rt::Task<void> serve(std::unique_ptr<rt::Stream> stream);
  rt::Task<Result<>> converse(Client& client);
  rt::Task<Result<tunnel::Line>> next_line(Client& client);
  std::string answer_text(const Client& client, const Refused& refused) const;
  // Answers, counts and logs; then fails.
  rt::Task<Result<>> refuse(Client& client, Refused refused);
  rt::Task<Result<>> answer_ping(Client& client, tunnel::PingLine ping);
  rt::Task<tunnel::Pong> ping_through(Client& client, tunnel::Node node);
  std::string answer_monitor(tunnel::MonitorKind kind);

  rt::Task<Result<>> follow(Client& client, tunnel::RouteLine line);
  rt::Task<Result<Backend>> reach(Client& client, const tunnel::RouteLine& line);
  // Takes the connection into Sluice's own transport, or behind the field's compression, if the
  // line says so. False: it has joined a
  // tunnel that exists, and nothing is left to do.
  Result<bool> take_transport(Client& client, const tunnel::RouteLine& line);
  static std::string identity_of(const Client& client);
  rt::Task<Result<>> carry(Client& client, Backend backend, std::string destination);
  static Refused refusal_of(const Error& why, const tunnel::RouteLine& line);
  std::optional<Refused> refusal_before_dialing(const Client& client,
                                                const tunnel::RouteLine& line) const;
  rt::Task<std::vector<Candidate>> allowed(const ClientFacts& facts, tunnel::Hop hop,
                                           std::string own_ip, Refused& why_none);
  rt::Task<Result<Backend>> connect_best(std::vector<Candidate> candidates, tunnel::RouteLine line,
                                         std::string from);
  // To a node by number, as connect_best() names them.
  rt::Task<Result<std::unique_ptr<rt::Stream>>> connect(tunnel::Node node);
  hop::Options transport_options();
  hop::NextHops& hops() { return transport_.next_hops(); }
  tunnel::Node named(const tunnel::Node& by_number) const;
  void remember_name(const tunnel::Node& by_number, const tunnel::Node& by_name);
  rt::ConnectOptions options_for(const tunnel::Node& node) const;
  bool is_self(const base::Endpoint& address, const std::string& own_ip) const;
  void note_refusal(const Client& client, const Refused& refused);

  rt::Task<void> probe_loop();
  void forget_unprobed();
  rt::Task<void> probe(tunnel::Node node);
  rt::Task<Result<tunnel::Pong>> probe_once(tunnel::Node node, rt::Duration timeout);
  rt::Task<Result<tunnel::Pong>> ask_pong(Candidate to, rt::Duration timeout);
  rt::Task<void> sample_loop();
  void sample();
  void account(Tunnel& tunnel);
  void count_stripes(const hop::TunnelStream& end, tunnel::SessionStats& seen);
  TunnelFacts facts_of(const Tunnel& tunnel) const;
  void end_all(Errc why);
  bool has_live_tunnels() const;

  rt::Host& host_;
  const Config& config_;
  AllowList allow_;
  RelayMetrics metrics_;
  base::Log log_;
  std::vector<std::unique_ptr<rt::Listener>> listeners_;
  std::map<std::uint64_t, Tunnel*> tunnels_;  // owned by their follow()
  std::set<rt::Stream*> asking_;              // owned by their serve(), not yet a tunnel
  std::set<std::string> probing_;             // hops, by name: asked just now
  std::set<std::string> probed_;              // all that are
  std::set<std::string> seen_labels_;         // of tunnels, for metrics
  std::set<std::string> own_ends_;  // of our connections to next relays: a loop shows them
  // Routes are dialled by the addresses that were judged; this says what each is called, for its
  // certificate, its figures, and stripes that come later.
  std::map<std::string, tunnel::Node> names_;
  hop::Tunnels transport_;
  std::size_t dialing_ = 0;  // routes that are being connected: tunnels soon
  std::uint64_t next_id_ = 1;
  std::vector<base::OncePer> refusal_logs_;  // by Refusal
  bool is_draining_ = false;
  rt::Event drained_;  // notified when drain() was called or a tunnel ended
  rt::Gate clients_gate_;
  rt::Gate gate_;
};

}  // namespace sluice::relay
