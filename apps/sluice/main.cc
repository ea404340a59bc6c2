// `sluice ROLE ...`: finds the role and hands it the rest of the command line.
#include <cstdio>
#include <span>

#include "base/nearest.h"
#include "roles.h"

namespace sluice {
namespace {

std::string usage() {
  std::string text =
      "Usage: sluice ROLE [OPTIONS]\n\n"
      "Puts stock Redis in every region: durable replication logs, and what is built on them.\n";
  if (!kRoles.empty()) text += "\nRoles:\n";
  for (const auto& role : kRoles) {
    text += "  " + std::string(role.name) + std::string(12 - role.name.size(), ' ') +
            std::string(role.summary) + "\n";
  }
  return text + "\n'sluice ROLE --help' shows each option of a role, its default and its unit.\n";
}

int refuse_unknown(const std::string& word) {
  std::vector<std::string_view> names;
  names.reserve(std::size(kRoles));
  for (const auto& role : kRoles) names.push_back(role.name);
  const auto close = base::nearest(word, names);
  std::string text = "sluice: there is no role '" + word + "'";
  if (!close.empty()) text += "; did you mean '" + std::string(close) + "'?";
  std::fprintf(stderr, "%s\n'sluice --help' lists them.\n", text.c_str());
  return kExitUsage;
}

int dispatch(const Arguments& words) {
  if (words.empty()) {
    std::fputs(usage().c_str(), stderr);
    return kExitUsage;
  }
  const auto& word = words.front();
  if (word == "--help" || word == "-h" || word == "help") {
    std::fputs(usage().c_str(), stdout);
    return kExitOk;
  }
  if (word == "--version" || word == "-V" || word == "version") {
    std::puts(version().c_str());
    return kExitOk;
  }
  for (const auto& role : kRoles) {
    if (role.name == word) return role.run({words.begin() + 1, words.end()});
  }
  return refuse_unknown(word);
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  const std::span<char*> words(argv, static_cast<std::size_t>(argc));
  return sluice::dispatch({words.begin() + (words.empty() ? 0 : 1), words.end()});
}
