// A TUN device: what a network namespace sends into it, we read, and the other way round.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rt/descriptor.h"
#include "rt/net_namespace.h"

namespace sluice::rt {

struct TunOptions {
  std::string name = "wan0";
  std::string address;  // IPv4; the network is its /24
  int mtu = 1500;
  int queue_packets = 20'000;  // what may wait for us; more is dropped, and seen in missed()
};

// Frames are what the kernel calls virtio_net_hdr and an IP packet. Checksums are left open within
// this machine, and TCP hands over segments in one piece where it is allowed to.
class Tun {
 public:
  static constexpr std::size_t kHeaderBytes = 10;
  static constexpr std::size_t kFrameBytesMax = kHeaderBytes + 65'536;

  // Makes a device in the namespace and brings it up. It goes with this object. Blocks.
  static Result<Tun> open(Loop& loop, const NetNamespace& where, const TunOptions& options);

  // With pieces larger than the MTU, one frame may stand for many packets. Without, each packet
  // comes by itself.
  Result<> allow_large(bool is_allowed);

  // The next frame, in `into`; nothing if none is waiting.
  std::optional<std::span<const char>> read(std::span<char> into);
  // False if the kernel did not take it.
  bool write(std::span<const char> frame);

  // Returns when read() may have something, or once closed.
  Task<void> readable() { return device_.readable(); }
  bool is_open() const { return device_.is_open(); }
  void close() { device_.close(); }

  // Packets that were dropped because nobody read them in time.
  std::uint64_t missed() const;

 private:
  Tun(Loop& loop, UniqueFd device, UniqueFd statistics, std::string name)
      : device_(loop, std::move(device)),
        statistics_(std::move(statistics)),
        name_(std::move(name)) {}

  Descriptor device_;
  UniqueFd statistics_;  // /proc/net/dev of the namespace
  std::string name_;
};

// The IP packet of a frame.
std::string_view packet_of(std::span<const char> frame);

}  // namespace sluice::rt
