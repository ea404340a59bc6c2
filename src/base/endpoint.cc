#include "base/endpoint.h"

#include <charconv>
#include <system_error>

namespace sluice::base {

Result<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto wrong = [&](std::string_view what) {
    return fail(Errc::kRejected, "'" + std::string(text) + "' " + std::string(what) +
                                     ": write host:port, for example 127.0.0.1:6379");
  };
  if (colon == std::string_view::npos) return wrong("has no port");
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong("is an IPv6 address without brackets");
  }
  std::uint16_t port = 0;
  const auto* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, port);
  if (error != std::errc{} || end != last) return wrong("has a port that is not 0..65535");
  return Endpoint{std::string(host), port};
}

std::string to_string(const Endpoint& endpoint) {
  const bool is_v6 = endpoint.host.find(':') != std::string::npos;
  const auto host = is_v6 ? "[" + endpoint.host + "]" : endpoint.host;
  return host + ":" + std::to_string(endpoint.port);
}

}  // namespace sluice::base
