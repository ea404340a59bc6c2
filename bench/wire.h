// Raw sockets for load generators: as little between the measurement and the kernel as possible.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::bench {

// Closes its descriptor. A worker that cannot go on prints why and exits: it has no user but the
// bench that started it.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

[[noreturn]] void die(const std::string& what);

struct SocketSizes {
  int receive = 0;  // 0: the kernel's choice
  int send = 0;
};

// Blocking until connected, then as asked. Loopback only.
std::optional<Fd> connect_to(std::uint16_t port, SocketSizes sizes);
Fd listen_on(std::uint16_t port);
// On another host than loopback: `address` is a numeric IPv4 one. `congestion` may be empty.
std::optional<Fd> connect_to(const std::string& address, std::uint16_t port,
                             const std::string& congestion);
Fd listen_on(const std::string& address, std::uint16_t port);
std::uint16_t port_of(const Fd& listener);
void set_nonblocking(const Fd& fd);

void write_all(const Fd& fd, std::string_view bytes);
// Up to and without CRLF; skips the empty lines a master sends to keep a replica waiting.
std::optional<std::string> read_line(const Fd& fd);

double seconds_now();  // monotonic

// User and system time of this process so far.
double cpu_seconds_self();

}  // namespace sluice::bench
