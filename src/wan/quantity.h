// Amounts of a link, as people write them: a share of the packets, a rate, the length of a queue.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/byte_size.h"
#include "base/codec.h"
#include "base/result.h"

namespace sluice::wan {

// Of all packets: 0 none, 1 all. Written in percent.
struct Share {
  double of_one = 0;
  friend constexpr auto operator<=>(Share, Share) = default;
};

// Bits on the wire, IP headers included.
struct Rate {
  std::uint64_t bits_per_second = 0;  // 0: no limit
  friend constexpr auto operator<=>(Rate, Rate) = default;

  // How long `bytes` occupy the wire. Only with a limit.
  std::chrono::nanoseconds time_for(std::uint64_t bytes) const;
  std::uint64_t bytes_in(std::chrono::nanoseconds time) const;
};

// In bytes, or in the time that the link's rate takes to send them.
using QueueLimit = std::variant<std::chrono::nanoseconds, base::ByteSize>;

Result<Share> parse_share(std::string_view text);  // "1%", "0.05%", "0"
Result<Rate> parse_rate(std::string_view text);    // "200mbit", "1.5gbit", "0" for no limit
Result<QueueLimit> parse_queue_limit(std::string_view text);  // "100ms", "512KiB"

std::string to_string(Share share);
std::string to_string(Rate rate);
std::string to_string(const QueueLimit& limit);

}  // namespace sluice::wan

namespace sluice::base {

template <>
struct Codec<wan::Share> {
  static constexpr Shape kShape = Shape::kText;
  static Result<wan::Share> parse(std::string_view text) { return wan::parse_share(text); }
  static std::string write(wan::Share value) { return wan::to_string(value); }
  static std::string show(wan::Share value) { return write(value); }
  static std::string placeholder() { return "PERCENT"; }
};

template <>
struct Codec<wan::Rate> {
  static constexpr Shape kShape = Shape::kText;
  static Result<wan::Rate> parse(std::string_view text) { return wan::parse_rate(text); }
  static std::string write(wan::Rate value) { return wan::to_string(value); }
  static std::string show(wan::Rate value) { return write(value); }
  static std::string placeholder() { return "RATE"; }
};

template <>
struct Codec<wan::QueueLimit> {
  static constexpr Shape kShape = Shape::kText;
  static Result<wan::QueueLimit> parse(std::string_view text) {
    return wan::parse_queue_limit(text);
  }
  static std::string write(const wan::QueueLimit& value) { return wan::to_string(value); }
  static std::string show(const wan::QueueLimit& value) { return write(value); }
  static std::string placeholder() { return "TIME|SIZE"; }
};

}  // namespace sluice::base
