#include "geo/config_load.h"

#include <set>

#include "base/command_line.h"
#include "base/config_file.h"
#include "base/config_help.h"
#include "geo/config_fields.h"

namespace sluice::geo {
namespace {

// Region ids end at 16.
constexpr std::size_t kSourcesMax = 15;
constexpr std::size_t kNameBytesMax = 64;

tl::unexpected<Error> wrong(std::string what) {
  return fail(Errc::kRejected, std::move(what));
}

Result<> check_sources(const Settings& settings) {
  if (settings.from.size() > kSourcesMax) {
    return wrong("from names more than " + std::to_string(kSourcesMax) + " keepers");
  }
  std::set<std::string> names;
  for (const auto& text : settings.from) {
    const auto source = parse_source(text);
    if (!source) return wrong("from: " + source.error().detail);
    if (!names.insert(source->name).second) {
      return wrong("from: the name '" + source->name + "' is taken");
    }
  }
  return {};
}

Result<> check_targets(const Settings& settings) {
  for (const auto& text : settings.to) {
    const auto url = base::parse_redis_url(text);
    if (!url) return wrong("to: " + url.error().detail);
  }
  return {};
}

}  // namespace

Result<Source> parse_source(std::string_view text) {
  const auto equals = text.find('=');
  const auto slashes = text.find("://");
  const bool has_name = equals != std::string_view::npos && equals < slashes;
  auto url = base::parse_redis_url(has_name ? text.substr(equals + 1) : text);
  if (!url) return tl::unexpected(url.error());
  if (!has_name) return Source{base::to_string(url->endpoint), *std::move(url)};
  const auto name = text.substr(0, equals);
  if (name.empty() || name.size() > kNameBytesMax) {
    return wrong("a name has 1 to " + std::to_string(kNameBytesMax) + " letters");
  }
  return Source{std::string(name), *std::move(url)};
}

Courier::Limits courier_limits(const Settings& settings) {
  return {.queue_bytes = settings.queue_bytes.bytes,
          .in_flight_bytes = settings.in_flight_bytes.bytes,
          .gossip_wait = settings.gossip_wait,
          .retry_wait = settings.retry_wait,
          .position_interval = settings.position_interval};
}

Result<> check(const Settings& settings) {
  const auto valid = base::validate(settings, kSettingsFields);
  if (!valid) return wrong(valid.error().detail + "; see sluice geo link --help");
  TRY_VOID(redis::check(settings));
  TRY_VOID(hop::check(settings, "the keeper"));
  TRY_VOID(check_targets(settings));
  return check_sources(settings);
}

Result<Invocation> read_invocation(std::span<const std::string> arguments,
                                   const ReadFile& read_file) {
  Invocation invocation;
  base::Settings settings(invocation.settings, kSettingsFields);
  const base::Settings* const groups[] = {&settings};
  TRY(const auto line, base::parse_command_line(arguments, groups));
  if (line.wants_help) return Invocation{.wants_help = true, .settings = {}};
  if (!line.words.empty()) return wrong("unexpected word '" + line.words.front() + "'");
  if (!line.config_file.empty()) {
    TRY(const auto text, read_file(line.config_file));
    TRY(const auto file, base::parse_config_file(text, line.config_file, ""));
    for (const auto& given : file.top.assignments) TRY_VOID(settings.assign(given));
  }
  for (const auto& given : line.assignments) TRY_VOID(settings.assign(given));
  auto& metrics = invocation.settings.metrics;
  if (metrics && metrics->host.empty()) metrics->host = "127.0.0.1";
  TRY_VOID(check(invocation.settings));
  return invocation;
}

std::string help() {
  Settings settings;
  return "Usage: sluice geo link --from [NAME=]redis://KEEPER ... --to redis://MASTER [OPTIONS]\n\n"
         "Reads what other regions wrote from their keepers, and applies it on our region's "
         "master:\n"
         "each op once, in causal order. In the file, keys are as the flags with '_' for '-'.\n\n"
         "  --config FILE\n      Reads settings from a TOML file; flags win.\n" +
         base::help_text(base::Settings(settings, kSettingsFields));
}

std::string reference() {
  Settings settings;
  return base::markdown_table(base::Settings(settings, kSettingsFields));
}

}  // namespace sluice::geo
