// Where a relay may connect to, and for whom: what is not listed is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/endpoint.h"
#include "relay/ip_address.h"

namespace sluice::relay {

// "redis.eu.example:6379", "10.0.0.0/8", "[2001:db8::/32]:6379". A name allows itself, whatever it
// resolves to; a range allows what lies in it, by whatever name. Without a port: every port.
struct AllowRule {
  std::variant<std::string, IpRange> where;  // a name is in lower case
  std::optional<std::uint16_t> port;

  friend bool operator==(const AllowRule&, const AllowRule&) = default;
};

Result<AllowRule> parse_allow_rule(std::string_view text);

// A destination as it was asked for, and one address of it: the one that would be connected to.
struct Destination {
  base::Endpoint named;
  std::optional<IpAddress> address;
};

struct ClientFacts {
  std::vector<std::string> identities;  // of its verified certificate: CN and alternative names
  std::optional<IpAddress> source;
};

// Adds destinations for those clients that fit both lists; an empty one fits all. Never both empty.
struct ClientRule {
  std::string name;
  std::vector<std::string> certificates;
  std::vector<IpRange> sources;
  std::vector<AllowRule> allow;
};

class AllowList {
 public:
  AllowList(std::vector<AllowRule> everyone, std::vector<ClientRule> clients)
      : everyone_(std::move(everyone)), clients_(std::move(clients)) {}

  bool allows(const ClientFacts& client, const Destination& destination) const;

  // Whether any address of `named` might be allowed: if not, it need not be resolved.
  bool could_allow(const ClientFacts& client, const base::Endpoint& named) const;

  // The first rule that fits, "other" if none does.
  std::string_view name_of(const ClientFacts& client) const;

  bool is_empty() const { return everyone_.empty() && clients_.empty(); }

 private:
  template <typename Fits>
  bool any_rule(const ClientFacts& client, const Fits& fits) const;

  std::vector<AllowRule> everyone_;
  std::vector<ClientRule> clients_;
};

}  // namespace sluice::relay
