#include "rt/connector.h"

#include <asio/ip/basic_resolver.hpp>
#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <utility>

#include "rt/deadline.h"
#include "rt/event.h"
#include "rt/net_namespace.h"
#include "rt/tcp_stream.h"
#include "rt/tls.h"

namespace sluice::rt {

// Shared by the task that waits and the resolver, whose answer may come after the task gave up.
struct Connector::Resolution {
  using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Loop::executor_type>;

  Resolution(Loop& loop, Clock& clock) : resolver(loop), done(loop, clock) {}

  Resolver resolver;
  Event done;
  bool is_done = false;
  asio::error_code failure;
  std::vector<Address> addresses;
};

Connector::Connector(Dialing& dialing, base::Endpoint to, ConnectOptions options)
    : dialing_(dialing),
      loop_(dialing.loop),
      clock_(dialing.clock),
      to_(std::move(to)),
      options_(std::move(options)),
      deadline_(clock_.now() + options_.timeout) {}

Task<Result<std::unique_ptr<Stream>>> Connector::run() {
  CO_TRY(const auto addresses, co_await resolve());
  CO_TRY(auto fd, co_await connect_any(addresses));
  if (options_.tls) co_return co_await start_tls(std::move(fd));
  co_return std::make_unique<TcpStream>(loop_, std::move(fd));
}

tl::unexpected<Error> Connector::timed_out(const std::string& where) const {
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(options_.timeout);
  return fail(Errc::kTimedOut,
              where + ": no answer within " + std::to_string(limit.count()) + " ms");
}

Task<Result<std::vector<Address>>> Connector::resolve() {
  if (const auto address = numeric_address(to_)) {
    std::vector<Address> only(1, *address);
    co_return only;
  }
  const auto shared = std::make_shared<Resolution>(loop_, clock_);
  shared->resolver.async_resolve(to_.host, std::to_string(to_.port),
                                 Resolution::Resolver::numeric_service,
                                 [shared](const asio::error_code& failure, const auto& found) {
                                   shared->failure = failure;
                                   for (const auto& entry : found)
                                     shared->addresses.push_back(entry.endpoint());
                                   shared->is_done = true;
                                   shared->done.notify_all();
                                 });
  if (!shared->is_done) co_await shared->done.wait_until(deadline_);
  if (!shared->is_done) co_return timed_out("resolving " + to_.host);
  if (shared->addresses.empty()) {
    const auto why = shared->failure ? shared->failure.message() : std::string("no address");
    co_return fail(Errc::kDisconnected, "resolving " + to_.host + ": " + why);
  }
  co_return std::move(shared->addresses);
}

Task<Result<UniqueFd>> Connector::connect_any(const std::vector<Address>& addresses) {
  std::string failures;
  for (const auto& address : addresses) {
    auto fd = co_await connect_one(address);
    if (fd || fd.error().code == Errc::kTimedOut) co_return fd;
    failures += (failures.empty() ? "" : "; ") + fd.error().detail;
  }
  co_return fail(Errc::kDisconnected, failures);
}

Result<UniqueFd> Connector::socket_for(const Address& address) const {
  if (options_.inside == nullptr) return make_socket(address);
  UniqueFd made;
  TRY_VOID(options_.inside->run([&]() -> Result<> {
    TRY(made, make_socket(address));
    return {};
  }));
  return made;
}

Task<Result<UniqueFd>> Connector::connect_one(Address address) {
  const auto name = base::to_string(to_endpoint(address));
  CO_TRY(auto fd, socket_for(address));
  if (!tune_socket(fd.get(), options_.tuning)) {
    dialing_.lacks_congestion_control(options_.tuning.congestion_control.name());
  }
  const auto length = static_cast<socklen_t>(address.size());
  if (::connect(fd.get(), address.data(), length) != 0) {
    if (errno != EINPROGRESS) co_return fail(Errc::kDisconnected, name + ": " + reason(errno));
    UniqueFd watched(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!watched.is_open()) co_return fail(Errc::kDisconnected, name + ": " + reason(errno));
    Descriptor socket(loop_, std::move(watched));
    std::function<void()> give_up = [&socket] { socket.close(); };
    const Deadline limit(clock_, deadline_, std::move(give_up));
    co_await socket.writable();
    if (!socket.is_open()) co_return timed_out(name);
  }
  int failure = 0;
  socklen_t size = sizeof failure;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failure, &size) != 0) failure = errno;
  if (failure != 0) co_return fail(Errc::kDisconnected, name + ": " + reason(failure));
  co_return fd;
}

Task<Result<std::unique_ptr<Stream>>> Connector::start_tls(UniqueFd fd) {
  CO_TRY(const auto context, dialing_.contexts.client(*options_.tls));
  auto stream = std::make_unique<TlsStream>(loop_, std::move(fd), context);
  auto& tls = *stream;
  std::function<void()> give_up = [&tls] { tls.close(Errc::kTimedOut); };
  const Deadline limit(clock_, deadline_, std::move(give_up));
  auto name = options_.tls->server_name.empty() ? to_.host : options_.tls->server_name;
  auto outcome = co_await tls.connect(std::move(name), options_.tls->verify_peer);
  if (outcome) co_return stream;
  if (outcome.error().code == Errc::kTimedOut)
    co_return timed_out("TLS handshake with " + tls.peer());
  co_return tl::unexpected<Error>(std::move(outcome).error());
}

}  // namespace sluice::rt
