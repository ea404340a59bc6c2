// The options of a line: see the grammar in route.h.
#include <algorithm>
#include <charconv>

#include "tunnel/route.h"

namespace sluice::tunnel {

namespace {

constexpr std::string_view kStart = "+PROXY";
constexpr std::string_view kCompress = "CONTENT COMPRESS ZSTD 1.0";

tl::unexpected<Error> rejected(std::string detail) {
  return fail(Errc::kRejected, std::move(detail));
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::string upper(std::string_view text) {
  std::string word(text);
  for (auto& c : word) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return word;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!(text = trimmed(text)).empty()) {
    words.push_back(text.substr(0, text.find(' ')));
    text.remove_prefix(words.back().size());
  }
  return words;
}

struct Option {
  std::string name;       // upper case
  std::string_view text;  // all of it, without the "#"
  std::vector<std::string_view> arguments;
  bool is_mandatory = false;
};

// Nothing for an empty option, as between ";" and the end.
std::optional<Option> parse_option(std::string_view text) {
  text = trimmed(text);
  Option option;
  if (text.ends_with('#')) {
    option.is_mandatory = true;
    text = trimmed(text.substr(0, text.size() - 1));
  }
  auto words = words_of(text);
  if (words.empty() && !option.is_mandatory) return std::nullopt;
  option.text = text;
  if (!words.empty()) {
    option.name = upper(words.front());
    option.arguments.assign(words.begin() + 1, words.end());
  }
  return option;
}

template <typename Number>
Result<Number> parse_number(std::string_view text, std::string_view what) {
  Number number{};
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error == std::errc{} && end == last) return number;
  return rejected(std::string(what) + " " + quoted(text) + " is not a number");
}

Result<SluiceOption> parse_sluice(const Option& option) {
  const auto& words = option.arguments;
  if (words.empty() || words.size() == 2) {
    return rejected("option " + quoted(option.text) +
                    " is incomplete: write SLUICE version [tunnel-id stripe]");
  }
  SluiceOption sluice;
  TRY(sluice.version, parse_number<std::uint32_t>(words[0], "SLUICE version"));
  if (sluice.version == 0) return rejected("SLUICE version 0 does not exist");
  if (words.size() == 1) return sluice;
  SluiceOption::Stripe stripe;
  TRY(stripe.tunnel, parse_tunnel_id(words[1]));
  TRY(stripe.number, parse_number<std::uint32_t>(words[2], "SLUICE stripe"));
  sluice.stripe = stripe;
  return sluice;
}

Result<MonitorKind> parse_monitor(const Option& option) {
  constexpr std::string_view kRight =
      "write MONITOR TunnelStats, SocketStats, PingStats or TrafficStats";
  if (option.arguments.size() == 1) {
    for (const auto& known : base::kNames<MonitorKind>) {
      if (upper(known.name) == upper(option.arguments[0])) return known.value;
    }
  }
  return rejected("option " + quoted(option.text) + " names nothing known: " + std::string(kRight));
}

// What the options of one line add up to.
struct Options {
  std::optional<Route> route;
  std::optional<std::vector<std::string>> forward_for;
  bool is_compressed = false;
  std::optional<PingLine> ping;
  std::optional<MonitorKind> monitor;
  std::optional<SluiceOption> sluice;
  std::vector<std::string> others;
};

tl::unexpected<Error> twice(std::string_view name) {
  return rejected("option " + std::string(name) + " stands twice in the line");
}

Result<> take_forward_for(Options& options, const Option& option) {
  if (options.forward_for) return twice(option.name);
  if (option.arguments.size() > kForwardsMax) {
    return rejected("FORWARD_FOR names " + std::to_string(option.arguments.size()) +
                    " peers: more than " + std::to_string(kForwardsMax) + " are taken for a loop");
  }
  for (const auto peer : option.arguments) {
    if (peer.find(':') == std::string_view::npos) {
      return rejected("FORWARD_FOR peer " + quoted(peer) + " has no port: write ip:port");
    }
  }
  options.forward_for.emplace(option.arguments.begin(), option.arguments.end());
  return {};
}

// The sender would compress whether or not it is understood, so another method is always refused.
Result<> take_content(Options& options, const Option& option) {
  if (options.is_compressed) return twice(option.name);
  std::string text = "CONTENT";
  for (const auto word : option.arguments) text += " " + upper(word);
  if (text != kCompress) {
    return rejected("option " + quoted(option.text) + " is not supported: write " +
                    std::string(kCompress));
  }
  options.is_compressed = true;
  return {};
}

Result<> take_ping(Options& options, const Option& option) {
  if (options.ping) return twice(option.name);
  if (option.arguments.size() > 1) {
    return rejected("option " + quoted(option.text) + " has too many words: write PING [uri]");
  }
  options.ping.emplace();
  if (option.arguments.empty()) return {};
  TRY(options.ping->through, parse_node(option.arguments[0]));
  return {};
}

Result<> take(Options& options, const Option& option) {
  if (option.name == "ROUTE") {
    if (options.route) return twice(option.name);
    TRY(options.route, parse_route(trimmed(option.text.substr(option.name.size()))));
    return {};
  }
  if (option.name == "FORWARD_FOR") return take_forward_for(options, option);
  if (option.name == "CONTENT") return take_content(options, option);
  if (option.name == "PING") return take_ping(options, option);
  if (option.name == "MONITOR") {
    if (options.monitor) return twice(option.name);
    TRY(options.monitor, parse_monitor(option));
    return {};
  }
  if (option.name == "SLUICE") {
    if (options.sluice) return twice(option.name);
    TRY(options.sluice, parse_sluice(option));
    return {};
  }
  if (option.is_mandatory) {
    return rejected("option " + quoted(option.text) +
                    " is mandatory (#) and not known here: leave it out or without its #");
  }
  options.others.emplace_back(option.text);
  return {};
}

Result<Line> line_of(Options options) {
  const int asked = (options.route ? 1 : 0) + (options.ping ? 1 : 0) + (options.monitor ? 1 : 0);
  if (asked != 1) {
    return rejected(std::string("the line has ") + (asked == 0 ? "none" : "more than one") +
                    " of ROUTE, PING and MONITOR: write exactly one");
  }
  if (options.ping) {
    options.ping->sluice = options.sluice;
    return Line(*std::move(options.ping));
  }
  if (options.monitor) return Line(MonitorLine{*options.monitor});
  RouteLine line{.route = *std::move(options.route),
                 .forward_for = {},
                 .is_compressed = options.is_compressed,
                 .sluice = options.sluice,
                 .others = std::move(options.others)};
  if (options.forward_for) line.forward_for = *std::move(options.forward_for);
  return Line(std::move(line));
}

std::string print_option(const SluiceOption& sluice) {
  auto text = "SLUICE " + std::to_string(sluice.version);
  if (sluice.stripe) {
    text += " " + to_string(sluice.stripe->tunnel) + " " + std::to_string(sluice.stripe->number);
  }
  return text;
}

}  // namespace

Result<Line> parse_line(std::string_view text) {
  const auto rest = text.substr(std::min(text.size(), kStart.size()));
  if (upper(text.substr(0, kStart.size())) != kStart || !rest.starts_with(' ')) {
    return rejected("the line does not start with '+PROXY '");
  }
  if (text.size() + 2 > kLineBytesMax) {
    return rejected("the line is " + std::to_string(text.size() + 2) +
                    " bytes long: write at most " + std::to_string(kLineBytesMax) + " with CR LF");
  }
  Options options;
  for (std::string_view left = rest; !left.empty();) {
    const auto end = std::min(left.find(';'), left.size());
    if (const auto option = parse_option(left.substr(0, end))) {
      TRY_VOID(take(options, *option));
    }
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return line_of(std::move(options));
}

Result<std::string> print(const RouteLine& line) {
  auto text = std::string(kStart) + " ROUTE " + to_string(line.route) + ";";
  if (!line.forward_for.empty()) {
    text += "FORWARD_FOR";
    for (const auto& peer : line.forward_for) text += " " + peer;
    text += ";";
  }
  if (line.is_compressed) text += std::string(kCompress) + "#;";
  if (line.sluice) text += print_option(*line.sluice) + ";";
  for (const auto& other : line.others) text += other + ";";
  text += "\r\n";
  if (text.size() <= kLineBytesMax) return text;
  return rejected("the route line would be " + std::to_string(text.size()) +
                  " bytes long: at most " + std::to_string(kLineBytesMax) +
                  " are allowed, so name fewer hops or alternatives");
}

// The option goes first: the field's proxy takes a line for a question if its last option is one,
// and closes the connection upon an option too many, which is an answer as well.
std::string print(const PingLine& line) {
  auto text = std::string(kStart) + " ";
  if (line.sluice) text += print_option(*line.sluice) + ";";
  text += "PING";
  if (line.through) text += " " + to_string(*line.through);
  return text + "\r\n";
}

std::string print(const MonitorLine& line) {
  return std::string(kStart) + " MONITOR " + std::string(base::name_in_table(line.kind)) + "\r\n";
}

Result<Pong> parse_pong(std::string_view text) {
  const auto wrong = [&] {
    return rejected("answer " + quoted(text.substr(0, 80)) + " is no +PROXY PONG ip:port");
  };
  const auto semicolon = std::min(text.find(';'), text.size());
  const auto words = words_of(text.substr(0, semicolon));
  if (words.size() != 3 && words.size() != 5) return wrong();
  if (words[0] != kStart || words[1] != "PONG") return wrong();
  Pong pong;
  TRY(pong.direct, base::parse_endpoint(words[2]));
  if (words.size() == 5) {
    Pong::Through through;
    TRY(through.real, base::parse_endpoint(words[3]));
    TRY(through.rtt_ms, parse_number<std::int64_t>(words[4], "PONG rtt"));
    pong.through = through;
  }
  if (semicolon == text.size()) return pong;
  const auto option = parse_option(text.substr(semicolon + 1));
  if (option && option->name == "SLUICE") {
    TRY(pong.sluice, parse_sluice(*option));
  }
  return pong;
}

std::string print(const Pong& pong) {
  auto text = std::string(kStart) + " PONG " + base::to_string(pong.direct);
  if (pong.through) {
    text += " " + base::to_string(pong.through->real) + " " + std::to_string(pong.through->rtt_ms);
  }
  if (pong.sluice) text += ";" + print_option(*pong.sluice);
  return text + "\r\n";
}

}  // namespace sluice::tunnel
