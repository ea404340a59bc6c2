// An Internet address as a number, and a range of them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace sluice::relay {

// IPv4 is kept as ::ffff:a.b.c.d, so that an address that came in through an IPv6 socket is the same.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  // Nothing unless `text` is an address in full: no names, zones, octal or short forms.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const;
  bool is_loopback() const;
  bool is_unspecified() const;  // 0.0.0.0 or ::, which mean "every address of mine"

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// "10.0.0.0/8", "2001:db8::/32", or one address.
struct IpRange {
  IpAddress first;
  unsigned prefix_bits = 128;  // of the 128

  // kRejected also if bits behind the prefix are set: 10.0.0.1/8 is more likely a slip.
  static Result<IpRange> parse(std::string_view text);

  bool contains(const IpAddress& address) const;
  friend bool operator==(const IpRange&, const IpRange&) = default;
};

}  // namespace sluice::relay
