#include "rt/unix_socket.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "rt/address.h"
#include "rt/tcp_stream.h"

namespace sluice::rt {
namespace {

constexpr int kBacklog = 64;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Errc::kRejected, "'" + path + "' is too long for a socket's name");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd make_unix_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

class UnixListener : public Listener {
 public:
  UnixListener(Loop& loop, UniqueFd fd, std::string path)
      : loop_(loop), socket_(loop, std::move(fd)), path_(std::move(path)) {}
  ~UnixListener() override { ::unlink(path_.c_str()); }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    while (socket_.is_open()) {
      UniqueFd fd(::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.is_open()) co_return std::make_unique<TcpStream>(loop_, std::move(fd));
      co_await socket_.readable();
    }
    co_return fail(Errc::kCancelled, "closed");
  }
  void close() override { socket_.close(); }
  base::Endpoint local() const override { return {path_, 0}; }

 private:
  Loop& loop_;
  Descriptor socket_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<Listener>> listen_unix(Loop& loop, const std::string& path) {
  TRY(const auto address, address_of(path));
  auto fd = make_unix_socket();
  ::unlink(path.c_str());
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  const bool listens = fd.is_open() && ::bind(fd.get(), name, sizeof address) == 0 &&
                       ::chmod(path.c_str(), S_IRUSR | S_IWUSR) == 0 &&
                       ::listen(fd.get(), kBacklog) == 0;
  if (!listens) return fail(Errc::kRejected, "listening on " + path + ": " + reason(errno));
  return std::make_unique<UnixListener>(loop, std::move(fd), path);
}

Result<std::unique_ptr<Stream>> connect_unix(Loop& loop, const std::string& path) {
  TRY(const auto address, address_of(path));
  auto fd = make_unix_socket();
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  if (!fd.is_open() || ::connect(fd.get(), name, sizeof address) != 0) {
    return fail(Errc::kNotFound, "nobody listens on " + path + ": " + reason(errno));
  }
  return std::make_unique<TcpStream>(loop, std::move(fd));
}

}  // namespace sluice::rt
