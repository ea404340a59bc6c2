// CLIENT LIST's lines, and which clients a CLIENT KILL or LIST means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keeper/view.h"

namespace sluice::keeper {

inline constexpr std::string_view kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

bool is_client_name(std::string_view name);

// "normal", "master", "replica" (and the old word for it), "pubsub".
std::optional<ClientKind> parse_client_kind(std::string_view word);

struct ClientFilter {
  std::optional<std::uint64_t> id;
  std::optional<std::string> address;
  std::optional<std::string> local_address;
  std::optional<ClientKind> kind;
  std::optional<std::string> user;
};

bool matches(const ClientFilter& filter, const ClientFacts& client);

// One line with its newline, the fields in the order of Redis's catClientInfoString.
std::string client_line(const ClientFacts& client, rt::Instant now);

}  // namespace sluice::keeper
