#include "rt/asio_host.h"

#include <sys/random.h>
#include <utility>

#include "base/check.h"
#include "rt/deadline.h"
#include "rt/posix_file.h"
#include "rt/posix_process.h"
#include "rt/tls_within.h"

namespace sluice::rt {

AsioNetwork::AsioNetwork(Loop& loop, Clock& clock)
    : contexts_(clock, [this](const NetworkEvent& event) { report(event); }),
      dialing_{loop, clock, contexts_,
               [this](std::string_view name) { lacks_congestion_control(name); }},
      listening_{loop, clock, contexts_, [this](const NetworkEvent& event) { report(event); },
                 [this](std::string_view name) { lacks_congestion_control(name); }} {}

Task<Result<std::unique_ptr<Stream>>> AsioNetwork::connect(base::Endpoint to,
                                                           ConnectOptions options) {
  Connector attempt(dialing_, std::move(to), std::move(options));
  co_return co_await attempt.run();
}

Task<Result<std::unique_ptr<Stream>>> AsioNetwork::start_tls(std::unique_ptr<Stream> outer,
                                                             TlsFiles files, Duration timeout) {
  CO_TRY(const auto context, contexts_.client(files));
  auto stream =
      std::make_unique<TlsWithin>(dialing_.loop, dialing_.clock, std::move(outer), context);
  auto& tls = *stream;
  std::function<void()> give_up = [&tls] { tls.close(Errc::kTimedOut); };
  const Deadline limit(dialing_.clock, dialing_.clock.now() + timeout, std::move(give_up));
  auto outcome = co_await tls.connect(std::move(files.server_name), files.verify_peer);
  if (outcome) co_return stream;
  co_return tl::unexpected<Error>(std::move(outcome).error());
}

Task<Result<std::vector<base::Endpoint>>> AsioNetwork::resolve(base::Endpoint name,
                                                               Duration timeout) {
  ConnectOptions options;
  options.timeout = timeout;
  Connector attempt(dialing_, std::move(name), std::move(options));
  CO_TRY(const auto addresses, co_await attempt.resolve());
  std::vector<base::Endpoint> found;
  found.reserve(addresses.size());
  for (const auto& address : addresses) found.push_back(to_endpoint(address));
  co_return found;
}

Result<std::unique_ptr<Listener>> AsioNetwork::listen(const base::Endpoint& at,
                                                      ListenOptions options) {
  return TcpListener::open(listening_, at, std::move(options));
}

void AsioNetwork::watch(std::function<void(const NetworkEvent&)> watcher) {
  watcher_ = std::move(watcher);
}

void AsioNetwork::report(const NetworkEvent& event) {
  if (watcher_) watcher_(event);
}

void AsioNetwork::lacks_congestion_control(std::string_view name) {
  std::string text(name);
  if (!lacking_.insert(text).second) return;
  report({NetworkEvent::Kind::kNoCongestionControl, std::move(text)});
}

AsioHost::AsioHost(DiskLanes& lanes)
    : clock_(loop_), network_(loop_, clock_), disk_(loop_, lanes), read_buffer_(kReadBufferBytes) {}

AsioHost::~AsioHost() {
  loop_.shutdown();
}

std::uint64_t AsioHost::random() {
  std::uint64_t bits = 0;
  CHECK(::getrandom(&bits, sizeof bits, 0) == sizeof bits);
  return bits;
}

Result<std::unique_ptr<Directory>> AsioHost::directory(std::string_view path) {
  return PosixDirectory::open_path(path);
}

Result<std::unique_ptr<Process>> AsioHost::start(const ProcessSpec& spec) {
  return PosixProcess::start(loop_, spec);
}

}  // namespace sluice::rt
