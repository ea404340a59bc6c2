#include "rt/listener.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/ip/basic_resolver.hpp>
#include <cerrno>
#include <map>
#include <sys/socket.h>
#include <utility>

#include "base/check.h"
#include "rt/deadline.h"
#include "rt/descriptor.h"
#include "rt/tcp_stream.h"

namespace sluice::rt {

namespace {

using namespace std::chrono_literals;

constexpr int kBacklog = 1024;
constexpr std::size_t kHandshakesMax = 256;  // of a listener, under way at a time
constexpr Duration kHandshakeTimeout = 10s;
constexpr Duration kShortagePause = 100ms;

// An endpoint without a host means every address, of IPv6 and IPv4.
Result<Address> listening_address(const base::Endpoint& at) {
  if (at.host.empty()) return Address(asio::ip::address_v6::any(), at.port);
  if (const auto address = numeric_address(at)) return *address;
  Loop scratch;
  asio::ip::basic_resolver<asio::ip::tcp, Loop::executor_type> resolver(scratch);
  asio::error_code failure;
  const auto found = resolver.resolve(at.host, std::to_string(at.port), failure);
  if (failure || found.empty()) {
    return fail(Errc::kRejected, "listening on " + at.host + ": " + failure.message());
  }
  return found.begin()->endpoint();
}

bool is_shortage(int number) {
  return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

std::string host_of(const std::string& peer) {
  return peer.substr(0, peer.rfind(':'));
}

bool would_block(int number) {
  return number == EAGAIN || number == EWOULDBLOCK;
}

}  // namespace

struct TcpListener::Shared {
  Shared(Listening& with, UniqueFd fd, std::optional<TlsFiles> files)
      : listening(with),
        loop(with.loop),
        clock(with.clock),
        socket(loop, std::move(fd)),
        tls(std::move(files)),
        changed(loop, clock) {}

  Listening& listening;
  Loop& loop;
  Clock& clock;
  Descriptor socket;
  std::optional<TlsFiles> tls;
  Event changed;  // notified when a handshake ended and when closed
  std::deque<std::unique_ptr<Stream>> ready;
  struct Handshake {
    TlsStream* stream;
    std::string host;  // whose it is
  };
  std::vector<Handshake> shaking_hands;  // the oldest first
  bool is_accepting = false;

  // An accepted socket, or an invalid one once closed.
  static Task<UniqueFd> next_socket(std::shared_ptr<Shared> self);
  static Task<void> accept_all(std::shared_ptr<Shared> self);
  static Task<void> shake_hands(std::shared_ptr<Shared> self, std::unique_ptr<TlsStream> stream);
  void end_one_handshake();
  void report_failed(std::string why);
};

Task<UniqueFd> TcpListener::Shared::next_socket(std::shared_ptr<Shared> self) {
  while (self->socket.is_open()) {
    UniqueFd fd(::accept4(self->socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.is_open()) co_return fd;
    const int number = errno;
    if (would_block(number)) {
      co_await self->socket.readable();
    } else if (is_shortage(number)) {
      co_await self->changed.wait_until(self->clock.now() + kShortagePause);
    }  // else: that one connection broke before we took it
  }
  co_return UniqueFd();
}

Task<void> TcpListener::Shared::accept_all(std::shared_ptr<Shared> self) {
  while (self->socket.is_open()) {
    auto fd = co_await next_socket(self);
    if (!fd.is_open()) co_return;
    if (self->shaking_hands.size() >= kHandshakesMax) {
      self->end_one_handshake();
      co_await yield_to(self->loop);  // it ends
    }
    const auto context = self->listening.contexts.server(*self->tls);
    CHECK(context);  // open() has made one
    auto stream = std::make_unique<TlsStream>(self->loop, std::move(fd), *context);
    self->shaking_hands.push_back({stream.get(), host_of(stream->peer())});
    asio::co_spawn(self->loop, shake_hands(self, std::move(stream)), asio::detached);
  }
}

// Somebody who connects and says nothing must not keep others out. The oldest of the host that has most under
// way makes room: one host can keep out itself only, and many have to be faster than a handshake.
void TcpListener::Shared::end_one_handshake() {
  std::map<std::string_view, std::size_t> of_host;
  for (const auto& one : shaking_hands) ++of_host[one.host];
  const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto most = std::ranges::max_element(of_host, fewer)->first;
  const auto oldest = std::ranges::find(shaking_hands, most, &Handshake::host);
  report_failed(oldest->stream->peer() + ": " + std::to_string(kHandshakesMax) +
                " TLS handshakes are under way, and most are of that host");
  oldest->stream->close(Errc::kCancelled);
  shaking_hands.erase(oldest);
}

void TcpListener::Shared::report_failed(std::string why) {
  const NetworkEvent event{NetworkEvent::Kind::kHandshakeFailed, std::move(why)};
  listening.report(event);
}

Task<void> TcpListener::Shared::shake_hands(std::shared_ptr<Shared> self,
                                            std::unique_ptr<TlsStream> stream) {
  auto& tls = *stream;
  std::function<void()> give_up = [&tls] { tls.close(Errc::kTimedOut); };
  const Deadline limit(self->clock, self->clock.now() + kHandshakeTimeout, std::move(give_up));
  const auto outcome = co_await tls.accept();
  std::erase_if(self->shaking_hands, [&](const Handshake& one) { return one.stream == &tls; });
  if (outcome && self->socket.is_open()) {
    self->ready.push_back(std::move(stream));
  } else if (!outcome && outcome.error().code != Errc::kCancelled) {
    const bool is_late = outcome.error().code == Errc::kTimedOut;
    self->report_failed(is_late ? tls.peer() + ": no TLS handshake within 10 s"
                                : outcome.error().detail);
  }
  self->changed.notify_all();
}

Result<std::unique_ptr<Listener>> TcpListener::open(Listening& listening, const base::Endpoint& at,
                                                    ListenOptions options) {
  if (options.tls) TRY_VOID(listening.contexts.server(*options.tls));
  TRY(auto address, listening_address(at));
  auto made = make_socket(address);
  if (!made && at.host.empty()) {  // a machine without IPv6
    address = Address(asio::ip::address_v4::any(), at.port);
    made = make_socket(address);
  }
  TRY(auto fd, std::move(made));
  const int on = 1;
  const int off = 0;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at.host.empty()) (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (!tune_socket(fd.get(), options.tuning)) {
    listening.lacks_congestion_control(options.tuning.congestion_control.name());
  }
  if (::bind(fd.get(), address.data(), static_cast<socklen_t>(address.size())) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return fail(Errc::kRejected, "listening on " + base::to_string(at) + ": " + reason(errno));
  }
  return std::make_unique<TcpListener>(listening, std::move(fd), std::move(options.tls));
}

TcpListener::TcpListener(Listening& listening, UniqueFd fd, std::optional<TlsFiles> tls)
    : local_(to_endpoint(local_address(fd.get()))),
      shared_(std::make_shared<Shared>(listening, std::move(fd), std::move(tls))) {}

Task<Result<std::unique_ptr<Stream>>> TcpListener::accept() {
  const auto shared = shared_;
  if (!shared->tls) {
    auto fd = co_await Shared::next_socket(shared);
    if (!fd.is_open()) co_return fail(Errc::kCancelled, "listener closed");
    co_return std::make_unique<TcpStream>(shared->loop, std::move(fd));
  }
  if (!std::exchange(shared->is_accepting, true)) {
    asio::co_spawn(shared->loop, Shared::accept_all(shared), asio::detached);
  }
  while (shared->ready.empty() && shared->socket.is_open()) co_await shared->changed.wait();
  if (!shared->socket.is_open()) co_return fail(Errc::kCancelled, "listener closed");
  auto stream = std::move(shared->ready.front());
  shared->ready.pop_front();
  co_return stream;
}

void TcpListener::close() {
  shared_->socket.close();
  for (const auto& one : shared_->shaking_hands) one.stream->close(Errc::kCancelled);
  shared_->ready.clear();
  shared_->changed.notify_all();
}

}  // namespace sluice::rt
