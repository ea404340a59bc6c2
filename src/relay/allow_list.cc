#include "relay/allow_list.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace sluice::relay {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

tl::unexpected<Error> wrong(std::string_view text) {
  return fail(Errc::kRejected,
              "'" + std::string(text) + "' is none of HOST, HOST:PORT, CIDR, CIDR:PORT");
}

struct Parts {
  std::string_view where;
  std::optional<std::string_view> port;
};

// Colons inside brackets, or more than one of them, belong to an IPv6 address.
std::optional<Parts> split(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const auto rest = text.substr(end + 1);
    if (rest.empty()) return Parts{text.substr(1, end - 1), std::nullopt};
    if (rest.front() != ':') return std::nullopt;
    return Parts{text.substr(1, end - 1), rest.substr(1)};
  }
  if (std::ranges::count(text, ':') > 1) return Parts{text, std::nullopt};
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return Parts{text, std::nullopt};
  return Parts{text.substr(0, colon), text.substr(colon + 1)};
}

// Digits and dots alone would be an address that was mistyped.
bool is_name(std::string_view text) {
  const auto is_fit = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  };
  const auto is_letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, is_fit) &&
         std::ranges::any_of(text, is_letter);
}

bool fits(const AllowRule& rule, const Destination& destination) {
  if (rule.port && *rule.port != destination.named.port) return false;
  if (const auto* name = std::get_if<std::string>(&rule.where)) {
    return *name == lower(destination.named.host);
  }
  return destination.address && std::get<IpRange>(rule.where).contains(*destination.address);
}

bool fits(const ClientRule& rule, const ClientFacts& client) {
  const auto is_shown = [&](const std::string& name) {
    return std::ranges::find(client.identities, name) != client.identities.end();
  };
  const auto is_inside = [&](const IpRange& range) {
    return client.source && range.contains(*client.source);
  };
  return (rule.certificates.empty() || std::ranges::any_of(rule.certificates, is_shown)) &&
         (rule.sources.empty() || std::ranges::any_of(rule.sources, is_inside));
}

}  // namespace

Result<AllowRule> parse_allow_rule(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return wrong(text);
  AllowRule rule;
  if (parts->port) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(parts->port->begin(), parts->port->end(), port);
    if (error != std::errc{} || end != parts->port->end() || port == 0) return wrong(text);
    rule.port = port;
  }
  if (is_name(parts->where)) {
    rule.where = lower(parts->where);
    return rule;
  }
  auto range = IpRange::parse(parts->where);
  if (!range) return fail(Errc::kRejected, range.error().detail);
  rule.where = *range;
  return rule;
}

template <typename Fits>
bool AllowList::any_rule(const ClientFacts& client, const Fits& fits_it) const {
  if (std::ranges::any_of(everyone_, fits_it)) return true;
  return std::ranges::any_of(clients_, [&](const ClientRule& rule) {
    return fits(rule, client) && std::ranges::any_of(rule.allow, fits_it);
  });
}

bool AllowList::allows(const ClientFacts& client, const Destination& destination) const {
  return any_rule(client, [&](const AllowRule& rule) { return fits(rule, destination); });
}

bool AllowList::could_allow(const ClientFacts& client, const base::Endpoint& named) const {
  const Destination number{named, IpAddress::parse(named.host)};
  return any_rule(client, [&](const AllowRule& rule) {
    const bool is_open = !number.address && std::holds_alternative<IpRange>(rule.where);
    const bool fits_port = !rule.port || *rule.port == named.port;
    return fits(rule, number) || (is_open && fits_port);
  });
}

std::string_view AllowList::name_of(const ClientFacts& client) const {
  for (const auto& rule : clients_) {
    if (fits(rule, client)) return rule.name;
  }
  return "other";
}

}  // namespace sluice::relay
