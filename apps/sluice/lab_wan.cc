// `sluice lab wan`: up, exec, and changes to the WAN that runs.
#include <cstdio>

#include "base/command_line.h"
#include "base/config_help.h"
#include "lab/wan.h"
#include "roles.h"

namespace sluice {
namespace {

using base::Settings;

std::string help() {
  wan::Conditions conditions;
  lab::WanChangeOptions change;
  lab::WanOptions options;
  return "Usage: sluice lab wan up [OPTIONS] [CONDITIONS]\n"
         "       sluice lab wan [CHANGE] [CONDITIONS]\n"
         "       sluice lab wan exec [--name NAME] SIDE PROGRAM [ARGUMENTS]\n\n"
         "Runs an emulated WAN: hosts of their own (network namespaces of this machine, called a\n"
         "and b), and between them a link that delays and loses single packets. Needs root.\n"
         "While it runs, conditions change at once; without any, its state is shown.\n\n"
         "  sluice lab wan up --delay 200ms --loss 1% --rate 200mbit &\n"
         "  sluice lab wan exec a redis-server --bind 10.200.0.1 --protected-mode no &\n"
         "  sluice lab wan exec b redis-cli -h 10.200.0.1 ping\n"
         "  sluice lab wan --cut 30s\n\n"
         "CONDITIONS, of each direction:\n\n" +
         base::help_text(Settings(conditions, wan::kConditionFields)) + "\nCHANGE:\n\n" +
         base::help_text(Settings(change, lab::kWanChangeFields)) + "\nOPTIONS of up:\n\n" +
         base::help_text(Settings(options, lab::kWanOptionFields));
}

int show_help() {
  std::fputs(help().c_str(), stdout);
  return kExitOk;
}

int refuse(const std::string& why, int code) {
  std::fprintf(stderr, "sluice lab wan: %s\n", why.c_str());
  return code;
}

// Reads flags of two groups: conditions, which are checked and kept as text, and others.
template <typename Struct, typename Fields>
Result<base::CommandLine> read(const Arguments& arguments, Struct& options, const Fields& fields,
                               lab::WanChange& change) {
  wan::Conditions conditions;
  Settings condition_settings(conditions, wan::kConditionFields);
  Settings option_settings(options, fields);
  const Settings* const groups[] = {&condition_settings, &option_settings};
  TRY(auto line, base::parse_command_line(arguments, groups));
  if (!line.words.empty()) {
    return fail(Errc::kRejected, "unexpected word '" + line.words.front() + "'");
  }
  for (const auto& given : line.assignments) {
    if (option_settings.find(given.key) != nullptr) {
      TRY_VOID(option_settings.assign(given));
    } else {
      TRY_VOID(condition_settings.assign(given));
      change.conditions.push_back(given);
    }
  }
  return line;
}

int up(const Arguments& arguments) {
  lab::WanOptions options;
  lab::WanChange conditions;
  const auto line = read(arguments, options, lab::kWanOptionFields, conditions);
  if (!line) return refuse(line.error().detail, kExitUsage);
  if (line->wants_help) return show_help();
  if (const auto sound = base::validate(options, lab::kWanOptionFields); !sound) {
    return refuse(sound.error().detail, kExitUsage);
  }
  return lab::run_wan(options, conditions);
}

int change(const Arguments& arguments) {
  lab::WanChangeOptions options;
  lab::WanChange change;
  const auto line = read(arguments, options, lab::kWanChangeFields, change);
  if (!line) return refuse(line.error().detail, kExitUsage);
  if (line->wants_help) return show_help();
  change.directions = {options.from, options.to};
  change.cut = options.cut;
  change.heals = options.heal;
  change.clears = options.clear;
  const auto status = lab::change_wan(options.name, change);
  if (!status) return refuse(status.error().detail, kExitFailed);
  const auto text = options.json ? lab::to_line(status) : lab::to_text(*status);
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

// Everything after SIDE belongs to the program.
int exec(Arguments words) {
  std::string name = lab::WanOptions().name;
  if (words.size() >= 2 && words[0] == "--name") {
    name = words[1];
    words.erase(words.begin(), words.begin() + 2);
  }
  if (!words.empty() && words[0] == "--help") return show_help();
  if (words.size() >= 2 && words[1] == "--") words.erase(words.begin() + 1);
  if (words.size() < 2) return refuse("exec needs a side and a program", kExitUsage);
  const auto why = lab::become_on_side(name, words[0], {words.begin() + 1, words.end()});
  return refuse(why.detail, kExitFailed);
}

}  // namespace

int run_lab_wan(const Arguments& arguments) {
  if (!arguments.empty() && arguments[0] == "up")
    return up({arguments.begin() + 1, arguments.end()});
  if (!arguments.empty() && arguments[0] == "exec") {
    return exec({arguments.begin() + 1, arguments.end()});
  }
  return change(arguments);
}

}  // namespace sluice
