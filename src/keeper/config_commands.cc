#include <algorithm>
#include <fmt/format.h>

#include "keeper/handlers.h"
#include "redis/wire_words.h"

namespace sluice::keeper {
namespace {

using Settings = std::vector<Setting>;

// Our settings are called retention_bytes in files and --retention-bytes as flags. CONFIG writes
// names as Redis does, with dashes, and reads both.
std::string config_name(std::string_view text) {
  std::string name = lower_case(text);
  std::ranges::replace(name, '_', '-');
  return name;
}

// Names of Redis that tools ask any server for, answered by what is true of a keeper. CONFIG SET
// takes them only with the value they have.
Settings redis_settings(const View& view) {
  const Status status = view.status();
  const bool is_open = view.credentials().is_open();
  const std::string replicaof =
      status.upstream.endpoint
          ? fmt::format("{} {}", status.upstream.endpoint->host, status.upstream.endpoint->port)
          : "";
  const std::string old_word(redis::kReplicaWord);
  const auto backlog = std::to_string(status.log ? status.log->bytes_on_disk : 0);
  return {{"appendonly", "no"},
          {"databases", "16"},
          {"dir", status.dir},
          {"maxclients", "10000"},
          {"maxmemory", "0"},
          {"maxmemory-policy", "noeviction"},
          {"port", std::to_string(status.port)},
          {"repl-backlog-size", backlog},
          {"replica-announced", status.is_announced ? "yes" : "no"},
          {"replica-priority", "0"},
          {"replica-read-only", "yes"},
          {"replicaof", replicaof},
          {"requirepass", is_open ? "" : "set", true},
          {"save", ""},
          {old_word + "-priority", "0"},
          {old_word + "-read-only", "yes"},
          {old_word + "of", replicaof}};
}

// The keeper's own settings win over Redis's names.
Settings all_settings(const View& view) {
  Settings all = view.settings();
  for (auto& setting : all) setting.name = config_name(setting.name);
  for (auto& compatible : redis_settings(view)) {
    const auto has_name = [&](const Setting& s) { return s.name == compatible.name; };
    if (std::ranges::none_of(all, has_name)) all.push_back(std::move(compatible));
  }
  std::ranges::sort(all, [](const Setting& a, const Setting& b) { return a.name < b.name; });
  return all;
}

// Secrets are never printed; that one is set may be seen.
std::string_view shown(const Setting& setting) {
  if (!setting.is_secret || setting.value.empty()) return setting.value;
  return "(hidden)";
}

}  // namespace

namespace handlers {

void config_get(Call& call) {
  Settings found;
  for (auto& setting : all_settings(call.view)) {
    const auto patterns = call.argv.subspan(2);
    const bool is_wanted = std::ranges::any_of(
        patterns, [&](auto pattern) { return matches_glob(config_name(pattern), setting.name); });
    if (is_wanted) found.push_back(std::move(setting));
  }
  call.reply.map(found.size());
  for (const Setting& setting : found) {
    call.reply.bulk(setting.name);
    call.reply.bulk(shown(setting));
  }
}

void config_help(Call& call) {
  constexpr std::string_view kLines[] = {
      "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "GET <pattern> [<pattern> ...]",
      "SET <setting> <value> [<setting> <value> ...]",
      "REWRITE: write the settings to the configuration file.",
      "RESETSTAT: set the counters of INFO to zero.",
  };
  call.reply.array(std::size(kLines));
  for (const auto line : kLines) call.reply.simple(line);
}

void config_resetstat(Call& call) {
  call.action = ResetCounters{};
  call.reply.ok();
}

void config_rewrite(Call& call) {
  call.action = ConfigRewrite{};
  call.reply.ok();
}

void config_set(Call& call) {
  const Argv argv = call.argv;
  if (argv.size() % 2 == 1) return call.reply.error(kSyntaxError);
  const Settings own = call.view.settings();
  const Settings compatible = redis_settings(call.view);
  ConfigSet change;
  for (std::size_t i = 2; i < argv.size(); i += 2) {
    const std::string name = config_name(argv[i]);
    const auto has_name = [&](const auto& setting) { return config_name(setting.name) == name; };
    const auto is_taken = [&](const auto& setting) { return config_name(setting.first) == name; };
    const auto failed =
        fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - ", argv[i]);
    if (std::ranges::any_of(change.settings, is_taken)) {
      return call.reply.error(failed + "duplicate parameter");
    }
    const auto mine = std::ranges::find_if(own, has_name);
    if (mine != own.end()) {
      change.settings.emplace_back(mine->name, argv[i + 1]);
      continue;
    }
    const auto known = std::ranges::find_if(compatible, has_name);
    if (known == compatible.end()) {
      return call.reply.error(
          fmt::format("ERR Unknown option or number of arguments for CONFIG SET - '{}'", argv[i]));
    }
    if (known->is_secret || known->value != argv[i + 1]) {
      return call.reply.error(failed + "can't set immutable config");
    }
  }
  if (!change.settings.empty()) call.action = std::move(change);
  call.reply.ok();
}

}  // namespace handlers
}  // namespace sluice::keeper
