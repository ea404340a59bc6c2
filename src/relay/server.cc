#include "relay/server.h"

#include <algorithm>
#include <utility>

#include "relay/server_state.h"
#include "rt/deadline.h"

namespace sluice::relay {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAskingMax = 1024;        // connections that have not said what they want
constexpr rt::Duration kNextLineTimeout = 60s;  // between two PINGs of one connection
constexpr rt::Duration kRefusalLogInterval = 10s;
constexpr rt::Duration kRefusedLife = 1s;  // for the peer to read why
constexpr rt::Duration kDrainLook = 500ms;
constexpr std::size_t kRefusedReadMax = 64 * 1024;

tunnel::AnswerCode answer_code_of(Refusal why) {
  switch (why) {
    case Refusal::kNotAllowed:
      return tunnel::AnswerCode::kNotAllowed;
    case Refusal::kUnreachable:
      return tunnel::AnswerCode::kUnreachable;
    case Refusal::kLate:
      return tunnel::AnswerCode::kTimedOut;
    case Refusal::kFull:
    case Refusal::kDraining:
      return tunnel::AnswerCode::kBusy;
    case Refusal::kNoTunnel:
      return tunnel::AnswerCode::kGone;
    case Refusal::kBadLine:
    case Refusal::kLoop:
      return tunnel::AnswerCode::kBadRoute;
  }
  return tunnel::AnswerCode::kBadRoute;
}

}  // namespace

Server::Server(rt::Host& host, const Config& config, base::Metrics& metrics, base::Log log)
    : host_(host),
      config_(config),
      allow_(*allow_list_of(config)),
      metrics_(metrics),
      log_(std::move(log)),
      transport_(host, transport_options()),
      refusal_logs_(kRefusals, base::OncePer(kRefusalLogInterval)),
      drained_(host.loop(), host.clock()),
      clients_gate_(host),
      gate_(host) {}

Server::~Server() = default;

Result<> Server::open() {
  const auto& settings = config_.settings;
  if (settings.listen) {
    rt::ListenOptions plain;
    plain.tuning = tuning_of(settings);
    TRY(auto listener, host_.network().listen(*settings.listen, std::move(plain)));
    listeners_.push_back(std::move(listener));
  }
  if (settings.tls_listen) {
    rt::ListenOptions secure;
    secure.tls = relay_tls(settings);
    secure.tuning = tuning_of(settings);
    TRY(auto listener, host_.network().listen(*settings.tls_listen, std::move(secure)));
    listeners_.push_back(std::move(listener));
  }
  return {};
}

std::vector<std::string> Server::addresses() const {
  std::vector<std::string> lines;
  for (const auto& listener : listeners_) {
    const bool is_tls = config_.settings.tls_listen && listener == listeners_.back();
    lines.push_back((is_tls ? "TLS " : "TCP ") + base::to_string(listener->local()));
  }
  return lines;
}

rt::Task<void> Server::run() {
  if (allow_.is_empty()) log_.warn("nothing is allowed: every route will be refused; set allow");
  for (const auto& listener : listeners_) gate_.spawn(accept_loop(*listener));
  gate_.spawn(probe_loop());
  gate_.spawn(sample_loop());
  while (!is_draining_) co_await drained_.wait();
  const auto until = host_.clock().now() + config_.settings.drain_time;
  log_.info("draining", {{"tunnels", tunnels_.size()}});
  while (host_.clock().now() < until && has_live_tunnels()) {
    const auto look = std::min(until, host_.clock().now() + kDrainLook);
    (void)co_await drained_.wait_until(look);
  }
  if (!tunnels_.empty())
    log_.warn("ending tunnels that did not end", {{"tunnels", tunnels_.size()}});
  for (const auto& listener : listeners_) listener->close();
  gate_.close();
  clients_gate_.close();
  end_all(Errc::kCancelled);
  co_await clients_gate_.closed();
  co_await gate_.closed();
  transport_.close();
  co_await transport_.closed();
}

// A tunnel whose peer was killed has no connection and would be kept for its return; to a relay that is being
// stopped none returns.
bool Server::has_live_tunnels() const {
  const auto is_held = [](const hop::TunnelStream* end) {
    return end == nullptr || end->stats().stripes > 0;
  };
  return std::ranges::any_of(tunnels_, [&](const auto& entry) {
    return is_held(entry.second->front_tunnel) && is_held(entry.second->back_tunnel);
  });
}

void Server::drain() {
  metrics_.set_draining(true);
  if (std::exchange(is_draining_, true)) end_all(Errc::kCancelled);
  drained_.notify_all();
}

std::size_t Server::set_allow_list(AllowList allow) {
  allow_ = std::move(allow);
  std::size_t ended = 0;
  for (const auto& [id, tunnel] : tunnels_) {
    if (allow_.allows(*tunnel->facts, tunnel->to)) continue;
    tunnel->front->close(Errc::kRejected);
    tunnel->back->close(Errc::kRejected);
    ++ended;
  }
  return ended;
}

void Server::end_all(Errc why) {
  for (auto* const stream : asking_) stream->close(why);
  for (const auto& [id, tunnel] : tunnels_) {
    tunnel->front->close(why);
    tunnel->back->close(why);
  }
}

rt::Task<void> Server::accept_loop(rt::Listener& listener) {
  for (;;) {
    auto stream = co_await listener.accept();
    if (!stream || clients_gate_.is_closing()) co_return;
    clients_gate_.spawn(serve(*std::move(stream)));
  }
}

rt::Task<void> Server::serve(std::unique_ptr<rt::Stream> stream) {
  Client client{.stream = std::move(stream), .peer = {}, .facts = {}, .reader = {}, .unread = {}};
  client.peer = client.stream->peer();
  auto& facts = client.facts;
  if (const auto identity = client.stream->identity()) {
    facts.identities = identity->names;
    if (!identity->common_name.empty()) facts.identities.push_back(identity->common_name);
  }
  if (const auto peer = base::parse_endpoint(client.peer)) {
    facts.source = IpAddress::parse(peer->host);
  }
  asking_.insert(client.stream.get());
  Result<> ended;
  if (asking_.size() > kAskingMax) {
    Refused full{Refusal::kFull, "too many connections that have not said what they want"};
    ended = co_await refuse(client, std::move(full));
  } else {
    ended = co_await converse(client);
  }
  asking_.erase(client.stream.get());
  if (!ended) log_.debug("connection ended", {{"peer", client.peer}, {"why", ended.error()}});
}

rt::Task<Result<>> Server::converse(Client& client) {
  for (;;) {
    auto line = co_await next_line(client);
    if (!line) {
      const bool is_their_fault =
          line.error().code == Errc::kProtocol || line.error().code == Errc::kRejected;
      if (!is_their_fault) co_return tl::unexpected<Error>(line.error());
      Refused bad{Refusal::kBadLine, line.error().detail};
      co_return co_await refuse(client, std::move(bad));
    }
    if (auto* const route = std::get_if<tunnel::RouteLine>(&*line)) {
      co_return co_await follow(client, std::move(*route));
    }
    auto* const ping = std::get_if<tunnel::PingLine>(&*line);
    // One that asks what we speak, before a ROUTE, learns that; its ROUTE is then refused.
    const bool asks_what_we_speak = ping != nullptr && ping->sluice;
    if (is_draining_ && !asks_what_we_speak) {
      Refused draining{Refusal::kDraining, "this relay is being stopped"};
      co_return co_await refuse(client, std::move(draining));
    }
    if (ping != nullptr) {
      CO_TRY_VOID(co_await answer_ping(client, std::move(*ping)));
    } else {
      const auto answer = answer_monitor(std::get<tunnel::MonitorLine>(*line).kind);
      CO_TRY_VOID(co_await client.stream->write(answer));
    }
    client.has_asked = true;
  }
}

rt::Task<Result<tunnel::Line>> Server::next_line(Client& client) {
  std::function<void()> give_up = [this, &client] {
    const Refused late{Refusal::kLate, "no whole line, ended by CRLF, came in time"};
    // One that asked before and has nothing more to ask did nothing wrong.
    if (!client.has_asked || client.reader.has_begun()) {
      note_refusal(client, late);
      (void)client.stream->write_now(answer_text(client, late));
    }
    client.stream->close(Errc::kTimedOut);
  };
  const rt::Duration allowed_time =
      client.has_asked ? kNextLineTimeout : rt::Duration(config_.settings.line_timeout);
  const rt::Deadline limit(host_.clock(), host_.clock().now() + allowed_time, std::move(give_up));
  for (;;) {
    CO_TRY(auto taken, client.reader.take(client.unread));
    client.unread.erase(0, taken.consumed);
    if (taken.line) {
      client.line_received_ms = host_.clock().wall_ms();
      co_return tunnel::parse_line(*taken.line);
    }
    const auto into = host_.read_buffer().first(tunnel::kLineBytesMax);
    CO_TRY(const auto got, co_await client.stream->read_some(into));
    client.unread.assign(into.data(), got);
  }
}

std::string Server::answer_text(const Client& client, const Refused& refused) const {
  auto text = "-PROXY " + std::string(name_of(refused.why)) + " " + client.stream->local() + ": " +
              refused.detail;
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text + "\r\n";
}

// Bytes that we had not read when we close would make the kernel send a reset, which may overtake
// the answer.
rt::Task<Result<>> Server::refuse(Client& client, Refused refused) {
  note_refusal(client, refused);
  auto& stream = *client.stream;
  if (client.tunnel != nullptr) {
    const auto code = refused.code.value_or(answer_code_of(refused.why));
    client.tunnel->answer({code, stream.local(), refused.detail});
    co_return fail(Errc::kRejected, std::move(refused.detail));
  }
  std::function<void()> give_up = [&stream] { stream.close(Errc::kTimedOut); };
  const rt::Deadline limit(host_.clock(), host_.clock().now() + kRefusedLife, std::move(give_up));
  const auto text = answer_text(client, refused);
  CO_TRY_VOID(co_await stream.write(text));
  CO_TRY_VOID(co_await stream.end_writes());
  for (std::size_t seen = 0; seen < kRefusedReadMax;) {
    CO_TRY(const auto got, co_await stream.read_or_end(host_.read_buffer()));
    if (got == 0) break;
    seen += got;
  }
  co_return fail(Errc::kRejected, std::move(refused.detail));
}

void Server::note_refusal(const Client& client, const Refused& refused) {
  metrics_.refused(refused.why);
  auto& due = refusal_logs_[static_cast<std::size_t>(refused.why)];
  if (const auto held_back = due.due(host_.clock().now().since_start)) {
    log_.warn("refused", {{"reason", name_of(refused.why)},
                          {"peer", client.peer},
                          {"client", allow_.name_of(client.facts)},
                          {"why", refused.detail},
                          {"held_back", *held_back}});
  }
}

}  // namespace sluice::relay
