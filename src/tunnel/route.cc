#include "tunnel/route.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace sluice::tunnel {

namespace {

constexpr std::size_t kHostBytesMax = 253;  // RFC 1035

tl::unexpected<Error> rejected(std::string detail) {
  return fail(Errc::kRejected, std::move(detail));
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

bool is_host_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':';  // ":" only in brackets, which parse_endpoint sees to
}

std::optional<Scheme> scheme_of(std::string_view name) {
  const auto upper = [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  };
  std::string word(name);
  std::ranges::transform(word, word.begin(), upper);
  for (const auto& known : base::kNames<Scheme>) {
    if (known.name == word) return known.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Result<Hop> parse_hop(std::string_view text) {
  Hop hop;
  for (const auto uri : split(text, ',')) {
    if (uri.empty()) return rejected("hop " + quoted(text) + " has an empty alternative");
    TRY(auto node, parse_node(uri));
    hop.push_back(std::move(node));
  }
  if (hop.size() > kAlternativesMax) {
    return rejected("hop " + quoted(text.substr(0, 40)) + "... has " + std::to_string(hop.size()) +
                    " alternatives: write at most " + std::to_string(kAlternativesMax));
  }
  const bool is_proxy = hop.front().is_proxy();
  const auto is_other = [&](const Node& node) { return node.is_proxy() != is_proxy; };
  if (std::ranges::any_of(hop, is_other)) {
    return rejected("hop " + quoted(text) +
                    " mixes relays and destinations: write only PROXY... or none");
  }
  return hop;
}

// Every node is left once it has been reached, so a route ends; but one that names a relay again
// carries each byte in a circle.
Result<> check_no_circle(const Route& route) {
  std::set<base::Endpoint> before;
  for (const auto& hop : route) {
    for (const auto& node : hop) {
      if (before.contains(node.endpoint)) {
        return rejected("the route is a loop: it comes to " + base::to_string(node.endpoint) +
                        " twice");
      }
    }
    for (const auto& node : hop) before.insert(node.endpoint);
  }
  return {};
}

template <typename Items, typename Write>
std::string joined(const Items& items, std::string_view separator, Write write) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += separator;
    text += write(item);
  }
  return text;
}

}  // namespace

Result<Node> parse_node(std::string_view uri) {
  const auto mark = uri.find("://");
  const auto scheme =
      mark == std::string_view::npos ? std::nullopt : scheme_of(uri.substr(0, mark));
  if (!scheme) {
    return rejected("node " + quoted(uri) +
                    " has no known scheme: write TCP://, TLS://, PROXYTCP:// or "
                    "PROXYTLS://host:port");
  }
  const auto rest = uri.substr(mark + 3);
  auto endpoint = base::parse_endpoint(rest);
  if (!endpoint) return rejected("node " + quoted(uri) + ": " + endpoint.error().detail);
  if (endpoint->port == 0) {
    return rejected("node " + quoted(uri) + " has port 0: write one of 1..65535");
  }
  const auto& host = endpoint->host;
  if (host.empty() || host.size() > kHostBytesMax || !std::ranges::all_of(host, is_host_letter)) {
    return rejected("node " + quoted(uri) +
                    " has no valid host: write a name, an IPv4 address or [an IPv6 address]");
  }
  return Node{*scheme, *std::move(endpoint)};
}

std::string to_string(const Node& node) {
  return std::string(base::name_in_table(node.scheme)) + "://" + base::to_string(node.endpoint);
}

Result<Route> parse_route(std::string_view text) {
  Route route;
  for (const auto word : split(text, ' ')) {
    if (word.empty()) continue;
    if (route.size() == kHopsMax) {
      return rejected("the route has more than " + std::to_string(kHopsMax) +
                      " hops: a longer one is taken for a loop");
    }
    TRY(auto hop, parse_hop(word));
    if (!route.empty() && !route.back().front().is_proxy()) {
      return rejected("the route goes on behind " + quoted(to_string(route.back().front())) +
                      ": only PROXYTCP:// and PROXYTLS:// may be passed through");
    }
    route.push_back(std::move(hop));
  }
  if (route.empty()) {
    return rejected("the route is empty: write the nodes to pass, the destination last");
  }
  TRY_VOID(check_no_circle(route));
  return route;
}

std::string to_string(const Route& route) {
  const auto write_node = [](const Node& node) { return to_string(node); };
  return joined(route, " ", [&](const Hop& hop) { return joined(hop, ",", write_node); });
}

std::string to_string(const TunnelId& id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const auto half : id.bits) {
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(half >> shift) & 15];
  }
  return text;
}

Result<TunnelId> parse_tunnel_id(std::string_view text) {
  constexpr std::size_t kHalf = 16;
  TunnelId id;
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != 2 * kHalf || !std::ranges::all_of(text, is_digit)) {
    return rejected("tunnel id " + quoted(text) + " is not 32 lower-case hex digits");
  }
  for (std::size_t half = 0; half < 2; ++half) {
    const auto* const first = text.data() + half * kHalf;
    std::from_chars(first, first + kHalf, id.bits[half], 16);
  }
  return id;
}

Result<RouteLine> forwarded(const RouteLine& line, std::string peer) {
  if (line.route.size() < 2) return rejected("the route ends here: no node is left to forward to");
  if (line.forward_for.size() >= kForwardsMax) {
    return rejected("the line has passed " + std::to_string(kForwardsMax) +
                    " relays: it is taken for a loop");
  }
  RouteLine next{.route = {line.route.begin() + 1, line.route.end()},
                 .forward_for = line.forward_for,
                 .others = line.others};
  next.forward_for.push_back(std::move(peer));
  return next;
}

}  // namespace sluice::tunnel
