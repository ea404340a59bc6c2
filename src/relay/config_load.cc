#include "relay/config_load.h"

#include <fmt/format.h>

#include "base/command_line.h"
#include "base/config_file.h"
#include "base/config_help.h"
#include "relay/config_fields.h"

namespace sluice::relay {
namespace {

tl::unexpected<Error> wrong(std::string what) {
  return fail(Errc::kRejected, std::move(what));
}

Result<> check_tls(const Settings& settings) {
  if (!settings.listen && !settings.tls_listen) {
    return wrong("listen is missing, and so is tls_listen; see sluice relay --help");
  }
  if (settings.tls_cert.empty() != settings.tls_key.empty()) {
    return wrong("tls_cert and tls_key go together");
  }
  if (!settings.tls_listen) return {};
  if (settings.tls_cert.empty() || settings.tls_ca.empty()) {
    return wrong("tls_listen needs tls_cert, tls_key and tls_ca: clients must show certificates");
  }
  return {};
}

Result<> check_sockets(const Settings& settings) {
  if (settings.congestion_control.size() <= rt::CongestionControl::kLengthMax) return {};
  return wrong("congestion_control '" + settings.congestion_control +
               "' is longer than any name of one: bbr, cubic, reno");
}

Result<std::vector<AllowRule>> rules_of(const std::vector<std::string>& texts,
                                        const std::string& where) {
  std::vector<AllowRule> rules;
  for (const auto& text : texts) {
    auto rule = parse_allow_rule(text);
    if (!rule) return wrong(where + ": " + rule.error().detail);
    rules.push_back(*std::move(rule));
  }
  return rules;
}

Result<ClientRule> rule_of(const ClientSettings& client) {
  const auto where = "client '" + client.name + "'";
  if (client.certificate.empty() && client.from.empty()) {
    return wrong(where + " needs certificate or from, else it would be everybody");
  }
  if (client.allow.empty()) return wrong(where + " has an empty allow");
  ClientRule rule{
      .name = client.name, .certificates = client.certificate, .sources = {}, .allow = {}};
  TRY(rule.allow, rules_of(client.allow, where + ": allow"));
  for (const auto& text : client.from) {
    auto range = IpRange::parse(text);
    if (!range) return wrong(where + ": from: " + range.error().detail);
    rule.sources.push_back(*range);
  }
  return rule;
}

}  // namespace

Result<AllowList> allow_list_of(const Config& config) {
  TRY(auto everyone, rules_of(config.settings.allow, "allow"));
  std::vector<ClientRule> clients;
  for (const auto& client : config.clients) {
    TRY(auto rule, rule_of(client));
    clients.push_back(std::move(rule));
  }
  return AllowList(std::move(everyone), std::move(clients));
}

rt::SocketTuning tuning_of(const Settings& settings) {
  rt::SocketTuning tuning;
  tuning.congestion_control = std::string_view(settings.congestion_control);
  tuning.send_buffer_bytes = static_cast<std::uint32_t>(settings.send_buffer_bytes.bytes);
  tuning.receive_buffer_bytes = static_cast<std::uint32_t>(settings.receive_buffer_bytes.bytes);
  tuning.unsent_low_bytes = static_cast<std::uint32_t>(settings.unsent_low_bytes.bytes);
  tuning.keepalive_idle = std::chrono::seconds(30);
  tuning.keepalive_interval = std::chrono::seconds(10);
  tuning.keepalive_probes = 3;
  tuning.user_timeout = settings.user_timeout;
  tuning.retransmit_pause_max = settings.retransmit_pause_max;
  return tuning;
}

// Linux ends a connection with TCP_USER_TIMEOUT that is idle at the first keepalive behind that time which
// finds an earlier one unanswered (tcp_keepalive_timer of net/ipv4/tcp_timer.c).
rt::SocketTuning destination_tuning(const Settings& settings) {
  using std::chrono::seconds;
  auto tuning = tuning_of(settings);
  const auto timeout = settings.destination_timeout;
  tuning.user_timeout = timeout;
  tuning.keepalive_idle = std::max(seconds(1), std::chrono::duration_cast<seconds>(timeout / 3));
  tuning.keepalive_interval =
      std::max(seconds(1), std::chrono::duration_cast<seconds>(timeout / 6));
  return tuning;
}

rt::TlsFiles relay_tls(const Settings& settings) {
  return {.cert = settings.tls_cert,
          .key = settings.tls_key,
          .ca = settings.tls_ca,
          .server_name = settings.tls_server_name,
          .verify_peer = true,
          .version_min = rt::TlsVersion::k1_3};
}

Result<> check(const Config& config) {
  TRY_VOID(base::validate(config.settings, kSettingsFields));
  for (const auto& client : config.clients) TRY_VOID(base::validate(client, kClientFields));
  TRY_VOID(check_tls(config.settings));
  TRY_VOID(check_sockets(config.settings));
  TRY_VOID(allow_list_of(config));
  return {};
}

Result<Invocation> read_invocation(std::span<const std::string> arguments,
                                   const ReadFile& read_file) {
  Config config;
  Settings scratch;
  const base::Settings flags(scratch, kSettingsFields);
  const base::Settings* const groups[] = {&flags};
  TRY(const auto line, base::parse_command_line(arguments, groups));
  if (line.wants_help) return Invocation{.wants_help = true, .config = {}};
  if (!line.words.empty()) {
    return wrong("unexpected word '" + line.words.front() +
                 "'; there is `sluice relay check ROUTE`");
  }
  base::Settings settings(config.settings, kSettingsFields);
  if (!line.config_file.empty()) {
    TRY(const auto text, read_file(line.config_file));
    TRY(const auto file, base::parse_config_file(text, line.config_file, "client"));
    for (const auto& given : file.top.assignments) TRY_VOID(settings.assign(given));
    for (const auto& table : file.tables) {
      ClientSettings client;
      base::Settings client_settings(client, kClientFields);
      for (const auto& given : table.assignments) TRY_VOID(client_settings.assign(given));
      config.clients.push_back(std::move(client));
    }
  }
  for (const auto& given : line.assignments) TRY_VOID(settings.assign(given));
  auto& metrics = config.settings.metrics;
  if (metrics && metrics->host.empty()) metrics->host = "127.0.0.1";
  TRY_VOID(check(config));
  return Invocation{false, std::move(config)};
}

std::string help() {
  Settings settings;
  ClientSettings client;
  return "Usage: sluice relay --listen HOST:PORT --allow HOST|CIDR[:PORT] ... [OPTIONS]\n"
         "       sluice relay check ROUTE [--json] [OPTIONS]\n\n"
         "Carries TCP connections over the hops that a route names:\n"
         "\"PROXYTLS://far-relay:7002 TCP://redis:6379\". In the file, keys are as the flags with\n"
         "'_' for '-'.\n\n"
         "  --config FILE\n      Reads settings from a TOML file; flags win.\n" +
         base::help_text(base::Settings(settings, kSettingsFields)) +
         "\nOf each [[client]] table of the file:\n\n" +
         base::help_text(base::Settings(client, kClientFields));
}

std::string reference() {
  Settings settings;
  ClientSettings client;
  return "## Of the relay\n\n" + base::markdown_table(base::Settings(settings, kSettingsFields)) +
         "\n## Of each [[client]]\n\n" +
         base::markdown_table(base::Settings(client, kClientFields));
}

}  // namespace sluice::relay
