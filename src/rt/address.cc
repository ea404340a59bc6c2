#include "rt/address.h"

#include <array>
#include <asio/ip/address.hpp>
#include <cctype>
#include <cerrno>
#include <netinet/tcp.h>
#include <string_view>
#include <sys/socket.h>
#include <system_error>

namespace sluice::rt {

namespace {

void set_option(int fd, int level, int name, int value) {
  // A socket that lacks an option works all the same (a Unix socket pair, an old kernel).
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

constexpr int kRetransmitPauseMax = 44;  // TCP_RTO_MAX_MS, which Debian 12's headers lack

// Past the system's limit where we may (CAP_NET_ADMIN), else up to it.
void set_buffer(int fd, int forced, int name, std::uint32_t bytes) {
  if (bytes == 0) return;
  const auto value = static_cast<int>(bytes);
  if (::setsockopt(fd, SOL_SOCKET, forced, &value, sizeof value) == 0) return;
  set_option(fd, SOL_SOCKET, name, value);
}

bool set_congestion_control(int fd, std::string_view name) {
  const auto length = static_cast<socklen_t>(name.size());
  return ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), length) == 0;
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

bool tune_socket(int fd, const SocketTuning& tuning) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(tuning.keepalive_idle.count()));
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(tuning.keepalive_interval.count()));
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, tuning.keepalive_probes);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, tuning.send_buffer_bytes);
  set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, tuning.receive_buffer_bytes);
  if (tuning.unsent_low_bytes > 0) set_unsent_low(fd, tuning.unsent_low_bytes);
  if (tuning.user_timeout.count() > 0) {
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(tuning.user_timeout.count()));
  }
  if (tuning.retransmit_pause_max.count() > 0) {
    const auto pause = tuning.retransmit_pause_max.count();
    set_option(fd, IPPROTO_TCP, kRetransmitPauseMax, static_cast<int>(pause));
  }
  if (tuning.congestion_control.is_empty()) return true;
  if (set_congestion_control(fd, tuning.congestion_control.name())) return true;
  (void)set_congestion_control(fd, "cubic");
  return false;
}

void set_unsent_low(int fd, std::uint32_t bytes) {
  set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(bytes));
}

// A socket that is given another congestion control and its own again keeps its window, its shortest round
// trip and what it is recovering; only BBR's own state begins anew. After a timeout that holds the window
// from before, which is to come back.
void put_off_probe(int fd) {
  tcp_info info{};
  auto size = static_cast<socklen_t>(sizeof info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;
  if (info.tcpi_ca_state == TCP_CA_Loss) return;
  constexpr std::string_view kProbing = "bbr";
  constexpr std::string_view kAlwaysThere = "reno";
  std::array<char, CongestionControl::kLengthMax + 1> name{};
  auto length = static_cast<socklen_t>(name.size());
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) != 0) return;
  if (name.data() != kProbing) return;
  if (set_congestion_control(fd, kAlwaysThere)) (void)set_congestion_control(fd, kProbing);
}

std::string reason(int number) {
  auto text = std::system_category().message(number);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace sluice::rt
