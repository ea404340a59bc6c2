#include "relay/ip_address.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace sluice::relay {
namespace {

constexpr std::array<std::uint8_t, 12> kV4Prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kV4PrefixBits = 96;

std::optional<unsigned> number(std::string_view text, int base, std::size_t digits_max) {
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  if (text.front() == '-' || text.front() == '+') return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value, base);
  if (error != std::errc{} || end != text.end()) return std::nullopt;
  return value;
}

// What precedes `mark`; `text` is left with what follows, or empty.
std::string_view cut(std::string_view& text, char mark) {
  const auto at = text.find(mark);
  const auto head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

std::optional<std::array<std::uint8_t, 4>> parse_v4(std::string_view text) {
  if (std::ranges::count(text, '.') != 3) return std::nullopt;
  std::array<std::uint8_t, 4> four{};
  for (auto& byte : four) {
    const auto part = cut(text, '.');
    const auto value = number(part, 10, 3);
    const bool is_octal = part.size() > 1 && part.front() == '0';
    if (!value || *value > 255 || is_octal) return std::nullopt;
    byte = static_cast<std::uint8_t>(*value);
  }
  return four;
}

struct Groups {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t count = 0;  // bytes

  bool add(unsigned byte) {
    if (count == bytes.size()) return false;
    bytes[count++] = static_cast<std::uint8_t>(byte);
    return true;
  }
};

// "2001:db8:0:1" or "::" halves; an IPv4 address may stand at the end.
bool parse_groups(std::string_view text, bool is_last, Groups& into) {
  if (text.empty()) return true;
  if (text.back() == ':') return false;
  while (!text.empty()) {
    const auto part = cut(text, ':');
    if (part.find('.') != std::string_view::npos) {
      const auto four = parse_v4(part);
      if (!four || !text.empty() || !is_last) return false;
      return std::ranges::all_of(*four, [&](unsigned byte) { return into.add(byte); });
    }
    const auto value = number(part, 16, 4);
    if (!value || !into.add(*value >> 8) || !into.add(*value & 0xff)) return false;
  }
  return true;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return std::nullopt;
  const auto gap = text.find("::");
  Groups head;
  Groups tail;
  const bool has_gap = gap != std::string_view::npos;
  if (!parse_groups(text.substr(0, gap), !has_gap, head)) return std::nullopt;
  if (has_gap && !parse_groups(text.substr(gap + 2), true, tail)) return std::nullopt;
  const auto bytes = head.count + tail.count;
  if (has_gap ? bytes > 14 : bytes != 16) return std::nullopt;
  IpAddress address;
  std::copy_n(head.bytes.begin(), head.count, address.bytes.begin());
  std::copy_n(tail.bytes.begin(), tail.count, address.bytes.end() - static_cast<int>(tail.count));
  return address;
}

bool bit_of(const IpAddress& address, unsigned bit) {
  return ((address.bytes[bit / 8] >> (7 - bit % 8)) & 1U) != 0;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (const auto four = parse_v4(text)) {
    IpAddress address;
    std::ranges::copy(kV4Prefix, address.bytes.begin());
    std::ranges::copy(*four, address.bytes.begin() + kV4Prefix.size());
    return address;
  }
  return parse_v6(text);
}

bool IpAddress::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; }) &&
         bytes[15] == 1;
}

bool IpAddress::is_unspecified() const {
  const auto* const from = is_v4() ? bytes.begin() + kV4Prefix.size() : bytes.begin();
  return std::all_of(from, bytes.end(), [](auto byte) { return byte == 0; });
}

Result<IpRange> IpRange::parse(std::string_view text) {
  const std::string whole(text);
  const bool has_prefix = text.find('/') != std::string_view::npos;
  const auto address = IpAddress::parse(cut(text, '/'));
  if (!address) {
    return fail(Errc::kRejected, "'" + whole + "' is no address or range: 10.0.0.0/8, 2001:db8::1");
  }
  IpRange range{*address, 128};
  if (!has_prefix) return range;
  const auto bits = number(text, 10, 3);
  const unsigned bits_max = address->is_v4() ? 32 : 128;
  if (!bits || *bits > bits_max) {
    return fail(Errc::kRejected, "'" + whole + "': the prefix is between 0 and " +
                                     std::to_string(bits_max) + " bits");
  }
  range.prefix_bits = address->is_v4() ? kV4PrefixBits + *bits : *bits;
  for (unsigned bit = range.prefix_bits; bit < 128; ++bit) {
    if (!bit_of(*address, bit)) continue;
    return fail(Errc::kRejected, "'" + whole + "' has bits set behind its prefix");
  }
  return range;
}

bool IpRange::contains(const IpAddress& address) const {
  const auto whole = prefix_bits / 8;
  if (!std::equal(first.bytes.begin(), first.bytes.begin() + whole, address.bytes.begin())) {
    return false;
  }
  for (unsigned bit = whole * 8; bit < prefix_bits; ++bit) {
    if (bit_of(first, bit) != bit_of(address, bit)) return false;
  }
  return true;
}

}  // namespace sluice::relay
