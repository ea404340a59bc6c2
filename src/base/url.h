// Where a Redis is and how to log in: redis://[[user]:password@]host[:port], rediss:// for TLS.
#pragma once

#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"

namespace sluice::base {

struct RedisUrl {
  Endpoint endpoint;
  std::string user;      // empty: the default user
  std::string password;  // empty: no AUTH
  bool is_tls = false;

  friend bool operator==(const RedisUrl&, const RedisUrl&) = default;
};

// User and password may be percent-encoded; the port is 6379 if absent. kRejected says what is
// wrong without repeating the text, which may hold a password.
Result<RedisUrl> parse_redis_url(std::string_view text);

// For people: the password is shown as ***. Empty for a URL without a host.
std::string to_string(const RedisUrl& url);

// For a configuration file: parse_redis_url() gives `url` back. Holds the password.
std::string with_password(const RedisUrl& url);

}  // namespace sluice::base
