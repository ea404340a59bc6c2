#include "wire.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::bench {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

sockaddr_in address_of(const std::string& text, std::uint16_t port) {
  sockaddr_in address = loopback(port);
  if (inet_pton(AF_INET, text.c_str(), &address.sin_addr) != 1) die("address " + text);
  return address;
}

void set_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

void die(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

std::optional<Fd> connect_to(std::uint16_t port, SocketSizes sizes) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) die("socket");
  if (sizes.receive > 0) set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, sizes.receive);
  if (sizes.send > 0) set_option(fd.get(), SOL_SOCKET, SO_SNDBUF, sizes.send);
  const auto address = loopback(port);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return std::nullopt;
  }
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  return fd;
}

std::optional<Fd> connect_to(const std::string& address, std::uint16_t port,
                             const std::string& congestion) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) die("socket");
  const auto length = static_cast<socklen_t>(congestion.size());
  if (length > 0 &&
      setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, congestion.c_str(), length) != 0) {
    die("congestion control " + congestion);
  }
  const auto to = address_of(address, port);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return std::nullopt;
  }
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  return fd;
}

Fd listen_on(std::uint16_t port) {
  return listen_on("127.0.0.1", port);
}

Fd listen_on(const std::string& where, std::uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) die("socket");
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  const auto address = address_of(where, port);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (listen(fd.get(), 512) != 0) die("listen");
  return fd;
}

std::uint16_t port_of(const Fd& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

void set_nonblocking(const Fd& fd) {
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

void write_all(const Fd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;  // the reader of the answer will notice
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::optional<std::string> read_line(const Fd& fd) {
  std::string line;
  char byte = 0;
  while (recv(fd.get(), &byte, 1, 0) == 1) {
    if (byte == '\n') {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) return line;
    } else {
      line += byte;
    }
  }
  return std::nullopt;
}

double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double cpu_seconds_self() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace sluice::bench
