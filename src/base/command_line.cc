#include "base/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <deque>
#include <fmt/format.h>

#include "base/nearest.h"

namespace sluice::base {
namespace {

struct Given {
  const Setting* setting;
  std::string flag;  // "--retention-bytes"
  std::vector<std::string> values;
};

std::string flag_of(std::string_view name) {
  std::string flag = "--" + std::string(name);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

void declare(CLI::App& app, Given& given) {
  if (given.setting->shape == Shape::kFlag) {
    const auto negative = "!--no-" + given.flag.substr(2);
    app.add_flag(given.flag + "," + negative, given.values)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return;
  }
  app.add_option(given.flag, given.values)->expected(-1)->allow_extra_args(false);
}

tl::unexpected<Error> unknown_flag(const std::string& word, const std::deque<Given>& known) {
  std::vector<std::string_view> flags{"--config", "--help"};
  for (const auto& given : known) flags.push_back(given.flag);
  const auto flag = word.substr(0, word.find('='));
  const auto close = nearest(flag, flags);
  const auto advice = close.empty() ? "" : fmt::format("; did you mean {}?", close);
  return fail(Errc::kRejected, fmt::format("there is no flag {}{}", flag, advice));
}

// CLI11 reads the `--key=` of an empty value as one that has no value yet.
std::vector<std::string> words_of(std::span<const std::string> arguments) {
  std::vector<std::string> words;
  for (const auto& argument : arguments) {
    const bool is_empty_value =
        argument.starts_with("--") && argument.find('=') + 1 == argument.size();
    words.push_back(is_empty_value ? argument.substr(0, argument.size() - 1) : argument);
    if (is_empty_value) words.emplace_back();
  }
  return words;
}

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string> arguments,
                                       std::span<const Settings* const> settings) {
  CommandLine line;
  std::deque<Given> all;  // CLI11 keeps references into it
  for (const auto* const group : settings) {
    for (const auto& setting : group->all()) {
      all.push_back({setting.get(), flag_of(setting->name), {}});
    }
  }

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.add_flag("-h,--help", line.wants_help);
  app.add_option("--config", line.config_file);
  for (auto& given : all) declare(app, given);
  try {
    auto words = words_of(arguments);
    std::ranges::reverse(words);  // CLI11 takes them from the back
    app.parse(std::move(words));
  } catch (const CLI::Error& error) {
    return fail(Errc::kRejected, error.what());
  }

  for (const auto& word : app.remaining()) {
    if (word.starts_with('-') && word != "-" && word != "--") return unknown_flag(word, all);
    line.words.push_back(word);
  }
  for (auto& given : all) {
    if (given.values.empty()) continue;
    const bool is_list = given.setting->shape == Shape::kList;
    if (!is_list && given.values.size() > 1) {
      return fail(Errc::kRejected, fmt::format("{} is given more than once", given.flag));
    }
    line.assignments.push_back({.key = std::string(given.setting->name),
                                .values = std::move(given.values),
                                .kind = Assignment::Kind::kWord,
                                .where = given.flag});
  }
  return line;
}

}  // namespace sluice::base
