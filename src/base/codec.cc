#include "base/codec.h"

#include <cmath>
#include <fmt/format.h>

namespace sluice::base {

tl::unexpected<Error> not_a(std::string_view text, std::string_view what) {
  return fail(Errc::kRejected, fmt::format("'{}' is not {}", text, what));
}

Result<bool> Codec<bool>::parse(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return not_a(text, "true or false");
}

Result<double> Codec<double>::parse(std::string_view text) {
  double value = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last || !std::isfinite(value)) return not_a(text, "a number");
  return value;
}

std::string Codec<double>::write(double value) {
  return fmt::format("{}", value);
}

std::string Codec<Endpoint>::write(const Endpoint& value) {
  return value == Endpoint{} ? "" : to_string(value);
}

}  // namespace sluice::base
