#include "delay/config_load.h"

#include <set>

#include "base/command_line.h"
#include "base/config_file.h"
#include "base/config_help.h"
#include "delay/config_fields.h"

namespace sluice::delay {
namespace {

// Of one shard; what a probe's book holds grows with it.
constexpr std::size_t kTargetsMax = 16;

tl::unexpected<Error> wrong(std::string what) {
  return fail(Errc::kRejected, std::move(what));
}

std::string called(const ShardSettings& shard) {
  return shard.name.empty() ? "" : "shard '" + shard.name + "': ";
}

Result<> check_shard(const ShardSettings& shard) {
  const auto valid = base::validate(shard, kShardFields);
  if (!valid) return wrong(called(shard) + valid.error().detail + "; see sluice delay --help");
  if (shard.watch.size() > kTargetsMax) {
    return wrong(called(shard) + "watch names more than " + std::to_string(kTargetsMax) + " nodes");
  }
  std::set<std::string> names{"master"};
  for (const auto& text : shard.watch) {
    const auto target = parse_target(text);
    if (!target) return wrong(called(shard) + "watch: " + target.error().detail);
    if (!names.insert(target->name).second) {
      return wrong(called(shard) + "watch: the name '" + target->name + "' is taken");
    }
  }
  return {};
}

Result<> check_shards(const std::vector<ShardSettings>& shards) {
  if (shards.empty()) return wrong("write is missing; see sluice delay --help");
  std::set<std::string> names;
  for (const auto& shard : shards) {
    TRY_VOID(check_shard(shard));
    if (names.insert(shard.name).second) continue;
    if (shard.name.empty()) return wrong("with several shards, each needs a name");
    return wrong("two shards are called '" + shard.name + "'");
  }
  return {};
}

Result<> read_file_into(Config& config, const std::string& text, const std::string& name) {
  base::Settings settings(config.settings, kSettingsFields);
  TRY(const auto file, base::parse_config_file(text, name, "shard"));
  for (const auto& given : file.top.assignments) TRY_VOID(settings.assign(given));
  for (const auto& table : file.tables) {
    ShardSettings shard;
    base::Settings shard_settings(shard, kShardFields);
    for (const auto& given : table.assignments) TRY_VOID(shard_settings.assign(given));
    config.shards.push_back(std::move(shard));
  }
  return {};
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  const auto equals = text.find('=');
  const auto name = text.substr(0, equals);
  const bool has_name = equals != std::string_view::npos && !name.empty() &&
                        name.find("://") == std::string_view::npos;
  if (!has_name) return wrong("a node is given as NAME=redis://host:port");
  auto url = base::parse_redis_url(text.substr(equals + 1));
  if (!url) return wrong("'" + std::string(name) + "': " + url.error().detail);
  return Target{std::string(name), *std::move(url)};
}

AlertBounds alert_bounds(const Settings& settings) {
  return {.above = settings.alert_above,
          .below = settings.alert_below,
          .raise_after = settings.alert_after,
          .lift_after = settings.lift_after};
}

Result<> check(const Config& config) {
  TRY_VOID(base::validate(config.settings, kSettingsFields));
  if (config.settings.alert_below > config.settings.alert_above) {
    return wrong("alert_below is above alert_above: an alert would be raised and lifted at once");
  }
  TRY_VOID(redis::check(config.settings));
  TRY_VOID(hop::check(config.settings, "the node"));
  return check_shards(config.shards);
}

Result<Invocation> read_invocation(std::span<const std::string> arguments,
                                   const ReadFile& read_file) {
  Config config;
  ShardSettings shard;
  base::Settings settings(config.settings, kSettingsFields);
  base::Settings shard_settings(shard, kShardFields);
  const base::Settings* const groups[] = {&shard_settings, &settings};
  TRY(const auto line, base::parse_command_line(arguments, groups));
  if (line.wants_help) return Invocation{.wants_help = true, .config = {}};
  if (!line.words.empty()) return wrong("unexpected word '" + line.words.front() + "'");
  if (!line.config_file.empty()) {
    TRY(const auto text, read_file(line.config_file));
    TRY_VOID(read_file_into(config, text, line.config_file));
  }
  bool has_shard = false;
  for (const auto& given : line.assignments) {
    const bool is_of_shard = shard_settings.find(given.key) != nullptr;
    TRY_VOID((is_of_shard ? shard_settings : settings).assign(given));
    has_shard = has_shard || is_of_shard;
  }
  if (has_shard) config.shards.push_back(std::move(shard));
  auto& metrics = config.settings.metrics;
  if (metrics && metrics->host.empty()) metrics->host = "127.0.0.1";
  TRY_VOID(check(config));
  return Invocation{false, std::move(config)};
}

std::string help() {
  Settings settings;
  ShardSettings shard;
  return "Usage: sluice delay --write redis://MASTER --watch NAME=redis://NODE ... [OPTIONS]\n\n"
         "Publishes probes on a master and measures when each node that its replication stream\n"
         "passes shows them: the delay of each, each one's share, its lag in bytes, and how far "
         "it\n"
         "is from a full resync. In the file, keys are as the flags with '_' for '-'.\n\n"
         "  --config FILE\n      Reads settings from a TOML file; flags win.\n" +
         base::help_text(base::Settings(shard, kShardFields)) +
         base::help_text(base::Settings(settings, kSettingsFields)) +
         "\nIn the file, each [[shard]] has name, write and watch.\n";
}

std::string reference() {
  Settings settings;
  ShardSettings shard;
  return "## Of the prober\n\n" + base::markdown_table(base::Settings(settings, kSettingsFields)) +
         "\n## Of each [[shard]]\n\n" + base::markdown_table(base::Settings(shard, kShardFields));
}

}  // namespace sluice::delay
