// Bytes of a hostile peer on two stripes of a tunnel: refused, or taken within what was granted.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "tunnel/session.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  namespace tunnel = sluice::tunnel;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  std::string_view text{reinterpret_cast<const char*>(bytes), count};
  tunnel::Limits limits;
  const bool is_dialer = !text.empty() && (text[0] & 1) != 0;
  tunnel::Session session(is_dialer ? tunnel::Side::kDialer : tunnel::Side::kAcceptor, limits,
                          tunnel::Time{0});
  session.add_stripe(0, tunnel::Time{0});
  session.add_stripe(1, tunnel::Time{0});
  tunnel::Time now{0};
  session.write(std::string_view("some bytes that may be acknowledged"), now);
  std::array<char, 5000> into{};
  while (!text.empty()) {
    const auto stripe = static_cast<tunnel::StripeNumber>((text[0] >> 1) & 1);
    const auto piece = text.substr(0, 1 + static_cast<unsigned char>(text[0]));
    text.remove_prefix(piece.size());
    if (!session.receive(stripe, piece.substr(1), now)) return 0;
    now += std::chrono::milliseconds(piece.size());
    session.tick(now);
    while (session.next(stripe, now)) {
    }
    CHECK(session.stats().held_to_read <= limits.window_max.bytes);
    while (session.is_readable()) {
      if (!session.read(into, now)) return 0;
    }
    CHECK(session.deadline(now) > now);
  }
  return 0;
}
