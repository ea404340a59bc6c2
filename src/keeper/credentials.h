// Who may log in at a keeper's port.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::keeper {

inline constexpr std::string_view kDefaultUser = "default";

struct User {
  std::string name;
  std::string password;
};

struct Credentials {
  std::string requirepass;  // of the default user; empty: it needs none
  std::vector<User> users;

  bool is_open() const { return requirepass.empty(); }
  // Takes as long for a wrong password as for the right one, and for a name nobody has.
  bool admits(std::string_view name, std::string_view password) const;
  bool has_user(std::string_view name) const;
};

}  // namespace sluice::keeper
