#include "relay/route_check.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/command_line.h"
#include "base/config_help.h"
#include "rt/deadline.h"

namespace sluice::relay {
namespace {

constexpr std::string_view kRedisPing = "PING\r\n";
constexpr std::size_t kAnswerBytesMax = tunnel::kLineBytesMax;

constexpr std::tuple kCheckFields{
    base::Field{
        .name = "tls_cert",
        .member = &CheckSettings::tls_cert,
        .doc = "PEM file of the certificate that is shown to relays.",
    },
    base::Field{
        .name = "tls_key",
        .member = &CheckSettings::tls_key,
        .doc = "PEM file of that certificate's key.",
    },
    base::Field{
        .name = "tls_ca",
        .member = &CheckSettings::tls_ca,
        .doc = "PEM file of the authorities that relays' certificates must come from.",
    },
    base::Field{
        .name = "tls_server_name",
        .member = &CheckSettings::tls_server_name,
        .doc = "Name that the first relay's certificate must bear; its host if absent.",
    },
    base::Field{
        .name = "timeout",
        .member = &CheckSettings::timeout,
        .doc = "How long each node may take to answer.",
        .min = std::chrono::milliseconds(1),
    },
    base::Field{
        .name = "json",
        .member = &CheckSettings::json,
        .doc = "Prints one JSON object.",
    },
};

double milliseconds(rt::Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// One walk to one node: a connection to the first relay, a route line, questions.
class Walk {
 public:
  Walk(rt::Host& host, const CheckSettings& settings, std::vector<tunnel::Node> way,
       tunnel::Node node)
      : host_(host), settings_(settings), way_(std::move(way)), node_(std::move(node)) {}

  rt::Task<void> run(NodeReport& report) {
    const auto began = host_.clock().now();
    auto outcome = co_await ask(report, began);
    if (!outcome) report.why = std::move(outcome).error().detail;
    stream_.reset();
  }

 private:
  rt::Task<Result<>> ask(NodeReport& report, rt::Instant began) {
    CO_TRY_VOID(co_await connect());
    std::function<void()> give_up = [this] { stream_->close(Errc::kTimedOut); };
    const rt::Deadline limit(host_.clock(), began + rt::Duration(settings_.timeout),
                             std::move(give_up));
    CO_TRY_VOID(co_await send_route());
    CO_TRY(const auto answer, co_await question());
    report.connected = host_.clock().now() - began;
    if (answer.starts_with("-PROXY ")) co_return fail(Errc::kRejected, answer.substr(7));
    if (node_.is_proxy()) {
      CO_TRY_VOID(tunnel::parse_pong(answer));
    } else {
      report.note = "answers '" + answer.substr(0, 60) + "'";
    }
    const auto asked = host_.clock().now();
    CO_TRY_VOID(co_await question());
    report.rtt = host_.clock().now() - asked;
    co_return Result<>{};
  }

  rt::Task<Result<>> connect() {
    const auto& first = way_.empty() ? node_ : way_.front();
    rt::ConnectOptions options;
    options.timeout = settings_.timeout;
    if (first.is_tls()) {
      options.tls = rt::TlsFiles{.cert = settings_.tls_cert,
                                 .key = settings_.tls_key,
                                 .ca = settings_.tls_ca,
                                 .server_name = settings_.tls_server_name,
                                 .verify_peer = true};
    }
    CO_TRY(stream_, co_await host_.network().connect(first.endpoint, std::move(options)));
    co_return Result<>{};
  }

  // A relay that is the end of a route is reached as any server is: its own line follows inside.
  rt::Task<Result<>> send_route() {
    if (way_.empty()) co_return Result<>{};
    tunnel::RouteLine line;
    for (std::size_t i = 1; i < way_.size(); ++i) line.route.push_back({way_[i]});
    auto last = node_;
    last.scheme = node_.is_tls() ? tunnel::Scheme::kTls : tunnel::Scheme::kTcp;
    line.route.push_back({last});
    CO_TRY(const auto text, tunnel::print(line));
    co_return co_await stream_->write(text);
  }

  // The first line of what comes back.
  rt::Task<Result<std::string>> question() {
    const auto text =
        node_.is_proxy() ? tunnel::print(tunnel::PingLine{}) : std::string(kRedisPing);
    CO_TRY_VOID(co_await stream_->write(text));
    std::string seen;
    for (;;) {
      const auto into = host_.read_buffer().first(kAnswerBytesMax);
      CO_TRY(const auto got, co_await stream_->read_some(into));
      seen.append(into.data(), got);
      const auto end = seen.find("\r\n");
      if (end != std::string::npos) co_return seen.substr(0, end);
      if (seen.size() >= kAnswerBytesMax) co_return fail(Errc::kProtocol, "no line in its answer");
    }
  }

  rt::Host& host_;
  const CheckSettings& settings_;
  std::vector<tunnel::Node> way_;  // relays before the node
  tunnel::Node node_;
  std::unique_ptr<rt::Stream> stream_;
};

nlohmann::json json_of(const NodeReport& report) {
  nlohmann::json node{{"hop", report.hop},
                      {"node", to_string(report.node)},
                      {"ok", report.is_ok()},
                      {"connected_ms", milliseconds(report.connected)}};
  if (report.rtt) node["rtt_ms"] = milliseconds(*report.rtt);
  if (!report.why.empty()) node["why"] = report.why;
  if (!report.note.empty()) node["note"] = report.note;
  return node;
}

}  // namespace

Result<CheckRequest> read_check(std::span<const std::string> arguments) {
  CheckRequest request;
  base::Settings settings(request.settings, kCheckFields);
  const base::Settings* const groups[] = {&settings};
  TRY(const auto line, base::parse_command_line(arguments, groups));
  request.wants_help = line.wants_help;
  if (line.wants_help) return request;
  if (line.words.empty()) {
    return fail(Errc::kRejected, "a route is missing: \"PROXYTLS://relay:7002 TCP://redis:6379\"");
  }
  if (!line.config_file.empty()) return fail(Errc::kRejected, "--config is not one of its options");
  for (const auto& given : line.assignments) TRY_VOID(settings.assign(given));
  std::string text;
  for (const auto& word : line.words) text += (text.empty() ? "" : " ") + word;
  TRY(request.route, tunnel::parse_route(text));
  return request;
}

std::string check_help() {
  CheckSettings settings;
  return "Usage: sluice relay check \"PROXYTLS://relay:7002 TCP://redis:6379\" [OPTIONS]\n\n"
         "Walks the route hop by hop; exit code 0 if every hop answers, 1 if one does not.\n\n" +
         base::help_text(base::Settings(settings, kCheckFields));
}

bool RouteReport::is_ok() const {
  return hop_failed() == 0;
}

std::size_t RouteReport::hop_failed() const {
  for (std::size_t hop = 1; hop <= hops; ++hop) {
    const bool is_reached = std::ranges::any_of(
        nodes, [&](const NodeReport& node) { return node.hop == hop && node.is_ok(); });
    if (!is_reached) return hop;
  }
  return 0;
}

std::string to_text(const RouteReport& report) {
  std::string text;
  for (const auto& node : report.nodes) {
    text += fmt::format("{:>3}  {:<40} ", node.hop, to_string(node.node));
    if (!node.is_ok()) {
      text += fmt::format("FAILED after {:.1f} ms: {}\n", milliseconds(node.connected), node.why);
      continue;
    }
    text += fmt::format("ok  connected in {:.1f} ms", milliseconds(node.connected));
    if (node.rtt) text += fmt::format(", round trip {:.1f} ms", milliseconds(*node.rtt));
    text += (node.note.empty() ? "" : ", ") + node.note + "\n";
  }
  const auto failed = report.hop_failed();
  return text +
         (failed == 0 ? "the route works\n" : fmt::format("the route fails at hop {}\n", failed));
}

std::string to_json(const RouteReport& report) {
  nlohmann::json nodes = nlohmann::json::array();
  for (const auto& node : report.nodes) nodes.push_back(json_of(node));
  nlohmann::json body{{"ok", report.is_ok()}, {"hops", report.hops}, {"nodes", nodes}};
  if (!report.is_ok()) body["failed_hop"] = report.hop_failed();
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

rt::Task<void> check_route(rt::Host& host, const CheckRequest& request, RouteReport& report) {
  report.hops = request.route.size();
  std::vector<tunnel::Node> way;
  for (std::size_t hop = 0; hop < request.route.size(); ++hop) {
    std::optional<tunnel::Node> reached;
    for (const auto& node : request.route[hop]) {
      NodeReport result;
      result.hop = hop + 1;
      result.node = node;
      Walk walk(host, request.settings, way, node);
      const auto began = host.clock().now();
      co_await walk.run(result);
      if (!result.is_ok()) result.connected = host.clock().now() - began;
      if (result.is_ok() && !reached) reached = node;
      report.nodes.push_back(std::move(result));
    }
    if (!reached) co_return;
    way.push_back(*reached);
  }
}

}  // namespace sluice::relay
