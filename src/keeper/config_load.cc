#include "keeper/config_load.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

#include "base/command_line.h"
#include "base/config_file.h"
#include "base/config_help.h"
#include "hop/through_relays.h"
#include "keeper/config_fields.h"

namespace sluice::keeper {
namespace {

using base::Assignment;
using base::Settings;

tl::unexpected<Error> wrong(std::string what) {
  return fail(Errc::kRejected, std::move(what));
}

Result<> assign_top(Settings& process, Settings& shard, const Assignment& given) {
  if (process.find(given.key) != nullptr) return process.assign(given);
  if (shard.find(given.key) != nullptr) return shard.assign(given);
  auto known = process.names();
  const auto more = shard.names();
  known.insert(known.end(), more.begin(), more.end());
  return wrong(given.where + ": " + base::unknown_key(given.key, known));
}

Result<ShardConfig> shard_of(const base::ConfigTable& table, ShardConfig shard) {
  ProcessConfig process;
  const Settings process_settings(process, kProcessFields);
  Settings settings(shard, kShardFields);
  for (const auto& given : table.assignments) {
    if (process_settings.find(given.key) != nullptr) {
      return wrong(fmt::format("{}: {} is one for all shards: move it above the first [[shard]]",
                               given.where, given.key));
    }
    TRY_VOID(settings.assign(given));
  }
  return shard;
}

Result<Config> config_of(const base::ConfigFile& file, const base::CommandLine& line) {
  Config config;
  ShardConfig common;
  Settings process(config.process, kProcessFields);
  Settings common_settings(common, kShardFields);
  for (const auto& given : file.top.assignments) {
    TRY_VOID(assign_top(process, common_settings, given));
  }
  for (const auto& table : file.tables) {
    TRY(auto shard, shard_of(table, common));
    config.shards.push_back(std::move(shard));
  }
  if (config.shards.empty()) config.shards.push_back(common);
  for (const auto& given : line.assignments) {
    for (auto& shard : config.shards) {
      Settings settings(shard, kShardFields);
      TRY_VOID(assign_top(process, settings, given));
    }
  }
  auto& metrics = config.process.metrics;
  if (metrics && metrics->host.empty()) metrics->host = "127.0.0.1";
  return config;
}

bool is_name(const std::string& name) {
  const auto is_fit = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, is_fit);
}

Result<> check_tls(const ShardConfig& shard) {
  if (shard.upstream_tls_cert.empty() != shard.upstream_tls_key.empty()) {
    return wrong("upstream_tls_cert and upstream_tls_key go together");
  }
  if (shard.listen_tls_cert.empty() != shard.listen_tls_key.empty()) {
    return wrong("listen_tls_cert and listen_tls_key go together");
  }
  if (!shard.listen_tls_ca.empty() && shard.listen_tls_cert.empty()) {
    return wrong("listen_tls_ca needs listen_tls_cert and listen_tls_key");
  }
  const bool has_upstream_tls = !shard.upstream_tls_ca.empty() ||
                                !shard.upstream_tls_cert.empty() || !shard.upstream_tls_verify;
  if (has_upstream_tls && !shard.upstream.is_tls) {
    return wrong("upstream_tls_ settings need an upstream of the form rediss://host:port");
  }
  return {};
}

// Says which entry is wrong without repeating it, for it holds a password.
Result<> check_users(const ShardConfig& shard) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < shard.users.size(); ++i) {
    const auto& user = shard.users[i];
    const auto name = user.substr(0, user.find(':'));
    const bool is_whole = !name.empty() && name.size() + 1 < user.size();
    if (!is_whole || name.find_first_of(" \t\r\n") != std::string::npos) {
      return wrong(fmt::format("entry {} of users is not of the form name:password", i + 1));
    }
    if (!names.insert(name).second) return wrong("users names '" + name + "' twice");
  }
  if (names.contains("default") && !shard.requirepass.empty()) {
    return wrong("the default user has a password in users and in requirepass: keep one");
  }
  return {};
}

Result<> check_no_twins(const Config& config) {
  std::map<std::string, const ShardConfig*> seen;
  const auto claim = [&](const ShardConfig& shard, const std::string& what) -> Result<> {
    const auto [other, is_new] = seen.emplace(what, &shard);
    if (is_new) return {};
    return wrong(fmt::format("shards '{}' and '{}' have the same {}", other->second->name,
                             shard.name, what));
  };
  for (const auto& shard : config.shards) {
    TRY_VOID(claim(shard, "name " + shard.name));
    TRY_VOID(claim(shard, "dir " + shard.dir));
    if (shard.listen.port == 0) continue;
    TRY_VOID(claim(shard, "listen " + base::to_string(shard.listen)));
  }
  return {};
}

}  // namespace

Result<> check(const ShardConfig& shard) {
  if (auto sound = base::validate(shard, kShardFields); !sound) {
    const auto& what = sound.error().detail;
    const auto* const advice = what.ends_with("is missing") ? "; see sluice keeper --help" : "";
    return wrong(what + advice);
  }
  if (!is_name(shard.name)) return wrong("name is not made of letters, digits, '-', '_' and '.'");
  TRY_VOID(check_tls(shard));
  TRY_VOID(hop::check(shard, "the upstream"));
  return check_users(shard);
}

Result<> check(const Config& config) {
  TRY_VOID(base::validate(config.process, kProcessFields));
  for (const auto& shard : config.shards) {
    const auto sound = check(shard);
    if (sound) continue;
    const bool is_alone = config.shards.size() == 1;
    return wrong((is_alone ? "" : "shard '" + shard.name + "': ") + sound.error().detail);
  }
  return check_no_twins(config);
}

Result<Invocation> read_invocation(std::span<const std::string> arguments,
                                   const ReadFile& read_file) {
  ProcessConfig process;
  ShardConfig shard;
  const Settings process_settings(process, kProcessFields);
  const Settings shard_settings(shard, kShardFields);
  const Settings* const groups[] = {&shard_settings, &process_settings};
  TRY(const auto line, base::parse_command_line(arguments, groups));
  if (line.wants_help) return Invocation{.wants_help = true, .config_file = {}, .config = {}};
  if (!line.words.empty()) return wrong("unexpected word '" + line.words.front() + "'");

  base::ConfigFile file;
  if (!line.config_file.empty()) {
    TRY(const auto text, read_file(line.config_file));
    TRY(file, base::parse_config_file(text, line.config_file, "shard"));
  }
  TRY(auto config, config_of(file, line));
  TRY_VOID(check(config));
  return Invocation{false, line.config_file, std::move(config)};
}

std::string help() {
  ProcessConfig process;
  ShardConfig shard;
  return "Usage: sluice keeper --upstream URL --listen HOST:PORT --dir PATH [OPTIONS]\n\n"
         "Keeps the replication stream of a Redis on disk and serves it to any number of\n"
         "replicas. In the file, keys are as the flags with '_' for '-', and any number of\n"
         "[[shard]] tables may follow.\n\n"
         "  --config FILE\n      Reads settings from a TOML file; flags win.\n" +
         base::help_text(Settings(shard, kShardFields)) + "\nOf the process:\n\n" +
         base::help_text(Settings(process, kProcessFields));
}

std::string reference() {
  ProcessConfig process;
  ShardConfig shard;
  return "## Of the process\n\n" + base::markdown_table(Settings(process, kProcessFields)) +
         "\n## Of each shard\n\n" + base::markdown_table(Settings(shard, kShardFields));
}

std::string to_toml(const Config& config) {
  auto process = config.process;
  auto text = base::to_toml(Settings(process, kProcessFields));
  for (auto shard : config.shards) {
    if (config.shards.size() > 1) text += "\n[[shard]]\n";
    text += base::to_toml(Settings(shard, kShardFields));
  }
  return text;
}

}  // namespace sluice::keeper
