#include "keeper/credentials.h"

#include <algorithm>

namespace sluice::keeper {
namespace {

// The time depends on the length of `offered` alone.
bool same_in_constant_time(std::string_view offered, std::string_view secret) {
  std::size_t differences = offered.size() ^ secret.size();
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const char expected = secret.empty() ? '\0' : secret[i % secret.size()];
    differences |= static_cast<unsigned char>(offered[i] ^ expected);
  }
  return differences == 0;
}

}  // namespace

bool Credentials::admits(std::string_view name, std::string_view password) const {
  const bool is_default = name == kDefaultUser;
  bool admitted = same_in_constant_time(password, requirepass) && is_default;
  for (const User& user : users) {
    const bool matches = same_in_constant_time(password, user.password);
    admitted |= matches && user.name == name && !user.password.empty();
  }
  return admitted || (is_default && is_open());
}

bool Credentials::has_user(std::string_view name) const {
  const auto named = [name](const User& user) { return user.name == name; };
  return name == kDefaultUser || std::ranges::any_of(users, named);
}

}  // namespace sluice::keeper
