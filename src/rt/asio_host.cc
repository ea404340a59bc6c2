#include "rt/asio_host.h"

#include <sys/random.h>
#include <utility>

#include "base/check.h"
#include "rt/connector.h"
#include "rt/listener.h"
#include "rt/posix_file.h"
#include "rt/posix_process.h"

namespace sluice::rt {

Task<Result<std::unique_ptr<Stream>>> AsioNetwork::connect(base::Endpoint to,
                                                           ConnectOptions options) {
  Connector attempt(loop_, clock_, std::move(to), std::move(options));
  co_return co_await attempt.run();
}

Result<std::unique_ptr<Listener>> AsioNetwork::listen(const base::Endpoint& at,
                                                      const std::optional<TlsFiles>& tls) {
  return TcpListener::open(loop_, clock_, at, tls);
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
