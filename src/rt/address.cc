#include "rt/address.h"

#include <asio/ip/address.hpp>
#include <cctype>
#include <cerrno>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <system_error>

namespace sluice::rt {

namespace {

void set_option(int fd, int level, int name, int value) {
  // A socket that lacks an option works all the same (a Unix socket pair, an old kernel).
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

Address address_by(int (*ask)(int, sockaddr*, socklen_t*), int fd) {
  Address address;
  auto length = static_cast<socklen_t>(address.capacity());
  if (ask(fd, address.data(), &length) != 0 || length > address.capacity()) return {};
  address.resize(length);
  return address;
}

}  // namespace

std::optional<Address> numeric_address(const base::Endpoint& endpoint) {
  asio::error_code failure;
  const auto address = asio::ip::make_address(endpoint.host, failure);
  if (failure) return std::nullopt;
  return Address(address, endpoint.port);
}

base::Endpoint to_endpoint(const Address& address) {
  auto ip = address.address();
  if (ip.is_v6() && ip.to_v6().is_v4_mapped()) {
    ip = asio::ip::make_address_v4(asio::ip::v4_mapped, ip.to_v6());
  }
  return {ip.to_string(), address.port()};
}

Address peer_address(int fd) {
  return address_by(::getpeername, fd);
}
Address local_address(int fd) {
  return address_by(::getsockname, fd);
}

Result<UniqueFd> make_socket(const Address& address) {
  const int family = address.protocol().family();
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd.is_open()) return fail(Errc::kDisconnected, "no socket: " + reason(errno));
  return fd;
}

void tune_socket(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

std::string reason(int number) {
  auto text = std::system_category().message(number);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace sluice::rt
