#include "rt/tun.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "rt/address.h"

namespace sluice::rt {
namespace {

tl::unexpected<Error> rejected(const TunOptions& options, const std::string& what) {
  return fail(Errc::kRejected, "TUN device " + options.name + ": " + what + ": " + reason(errno));
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  CHECK(!name.empty() && name.size() < sizeof request.ifr_name);
  std::memcpy(request.ifr_name, name.data(), name.size());
  return request;
}

bool set_address(int socket, const std::string& name, unsigned long what, const char* text) {
  ifreq request = request_for(name);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text, &address.sin_addr) != 1) {
    errno = EINVAL;
    return false;
  }
  std::memcpy(&request.ifr_addr, &address, sizeof address);
  return ::ioctl(socket, what, &request) == 0;
}

Result<> bring_up(const TunOptions& options) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = request_for(options.name);
  request.ifr_mtu = options.mtu;
  if (::ioctl(socket.get(), SIOCSIFMTU, &request) != 0) return rejected(options, "its MTU");
  request.ifr_qlen = options.queue_packets;
  if (::ioctl(socket.get(), SIOCSIFTXQLEN, &request) != 0) return rejected(options, "its queue");
  if (!set_address(socket.get(), options.name, SIOCSIFADDR, options.address.c_str()) ||
      !set_address(socket.get(), options.name, SIOCSIFNETMASK, "255.255.255.0")) {
    return rejected(options, "address '" + options.address + "'");
  }
  request.ifr_flags = IFF_UP | IFF_POINTOPOINT | IFF_NOARP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return rejected(options, "going up");
  return {};
}

Result<UniqueFd> make_device(const TunOptions& options) {
  UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!fd.is_open()) return rejected(options, "/dev/net/tun");
  ifreq request = request_for(options.name);
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return rejected(options, "cannot be made");
  return fd;
}

}  // namespace

Result<Tun> Tun::open(Loop& loop, const NetNamespace& where, const TunOptions& options) {
  UniqueFd device;
  UniqueFd statistics;
  const auto made = where.run([&]() -> Result<> {
    TRY(device, make_device(options));
    TRY_VOID(bring_up(options));
    statistics = UniqueFd(::open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC));
    return statistics.is_open() ? Result<>() : rejected(options, "/proc/net/dev");
  });
  if (!made) return tl::unexpected(made.error());
  Tun tun(loop, std::move(device), std::move(statistics), options.name);
  TRY_VOID(tun.allow_large(true));
  return tun;
}

Result<> Tun::allow_large(bool is_allowed) {
  const unsigned always = TUN_F_CSUM;
  const unsigned features = is_allowed ? always | TUN_F_TSO4 | TUN_F_TSO6 : always;
  if (::ioctl(device_.fd(), TUNSETOFFLOAD, static_cast<unsigned long>(features)) == 0) return {};
  return fail(Errc::kRejected, "TUN device " + name_ + ": its offloads: " + reason(errno));
}

std::optional<std::span<const char>> Tun::read(std::span<char> into) {
  const auto count = ::read(device_.fd(), into.data(), into.size());
  if (count <= static_cast<ssize_t>(kHeaderBytes)) return std::nullopt;
  return into.first(static_cast<std::size_t>(count));
}

bool Tun::write(std::span<const char> frame) {
  return ::write(device_.fd(), frame.data(), frame.size()) == static_cast<ssize_t>(frame.size());
}

// A line is "name: " and eight numbers of what was received, then those of what was sent: bytes,
// packets, errors, dropped.
std::uint64_t Tun::missed() const {
  constexpr int kSentDropped = 11;
  std::array<char, 4096> page{};
  const auto count = ::pread(statistics_.get(), page.data(), page.size(), 0);
  if (count <= 0) return 0;
  std::string_view text(page.data(), static_cast<std::size_t>(count));
  const auto line = text.find(name_ + ":");
  if (line == std::string_view::npos) return 0;
  text.remove_prefix(line + name_.size() + 1);
  std::uint64_t number = 0;
  for (int field = 0; field <= kSentDropped; ++field) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  }
  return number;
}

std::string_view packet_of(std::span<const char> frame) {
  CHECK(frame.size() >= Tun::kHeaderBytes);
  return {frame.data() + Tun::kHeaderBytes, frame.size() - Tun::kHeaderBytes};
}

}  // namespace sluice::rt
