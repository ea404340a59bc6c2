#include "base/url.h"

#include <cctype>
#include <charconv>
#include <fmt/format.h>

namespace sluice::base {
namespace {

constexpr std::uint16_t kDefaultPort = 6379;

tl::unexpected<Error> wrong(std::string_view what) {
  return fail(Errc::kRejected,
              fmt::format("the URL {}: write redis://user:password@host:port", what));
}

Result<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.end()) {
      return wrong("has a % that is not followed by two hexadecimal digits");
    }
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain =
        byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~');
    encoded += is_plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return encoded;
}

// "user:password" or ":password".
Result<> read_login(std::string_view login, RedisUrl& url) {
  const auto colon = login.find(':');
  if (colon == std::string_view::npos) return wrong("has a user without a password");
  TRY(url.user, percent_decoded(login.substr(0, colon)));
  TRY(url.password, percent_decoded(login.substr(colon + 1)));
  if (url.password.empty()) return wrong("has a user without a password");
  return {};
}

bool has_port(std::string_view place) {
  const auto bracket = place.rfind(']');
  return place.find(':', bracket == std::string_view::npos ? 0 : bracket) != std::string_view::npos;
}

std::string text_of(const RedisUrl& url, std::string_view password) {
  if (url.endpoint.host.empty()) return "";
  const auto login = url.password.empty()
                         ? std::string()
                         : fmt::format("{}:{}@", percent_encoded(url.user), password);
  return fmt::format("{}://{}{}", url.is_tls ? "rediss" : "redis", login, to_string(url.endpoint));
}

}  // namespace

Result<RedisUrl> parse_redis_url(std::string_view text) {
  RedisUrl url;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return wrong("has no scheme");
  const auto scheme = text.substr(0, scheme_end);
  if (scheme != "redis" && scheme != "rediss")
    return wrong("has a scheme other than redis, rediss");
  url.is_tls = scheme == "rediss";

  auto place = text.substr(scheme_end + 3);
  const auto at = place.rfind('@');
  if (at != std::string_view::npos) {
    TRY_VOID(read_login(place.substr(0, at), url));
    place = place.substr(at + 1);
  }
  if (place.ends_with('/')) place.remove_suffix(1);
  if (place.find_first_of("/?#") != std::string_view::npos) {
    return wrong("names more than a place; a link carries all databases");
  }
  const auto port = has_port(place) ? "" : ":" + std::to_string(kDefaultPort);
  auto endpoint = parse_endpoint(std::string(place) + port);
  if (!endpoint || endpoint->port == 0) return wrong("has no valid host and port");
  if (endpoint->host.empty()) return wrong("has no host");
  for (const char c : endpoint->host) {
    if (static_cast<unsigned char>(c) <= ' ') return wrong("has a blank in its host");
  }
  url.endpoint = *std::move(endpoint);
  return url;
}

std::string to_string(const RedisUrl& url) {
  return text_of(url, "***");
}

std::string with_password(const RedisUrl& url) {
  return text_of(url, percent_encoded(url.password));
}

}  // namespace sluice::base
