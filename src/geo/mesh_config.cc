#include "geo/mesh_config.h"

#include <charconv>
#include <optional>

#include "base/command_line.h"
#include "base/config_file.h"
#include "base/config_help.h"

namespace sluice::geo {
namespace {

tl::unexpected<Error> wrong(std::string what) {
  return fail(Errc::kRejected, std::move(what));
}

Result<crdt::RegionId> parse_id(std::string_view text) {
  unsigned id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  if (!is_number || id == 0 || id > crdt::kRegionIdMax) {
    return wrong("'" + std::string(text) + "' is no region id: they are numbers from 1 to 16");
  }
  return static_cast<crdt::RegionId>(id);
}

}  // namespace

Result<MeshInvocation> read_mesh_invocation(std::span<const std::string> arguments,
                                            const ReadFile& read_file) {
  MeshInvocation invocation;
  base::Settings settings(invocation.settings, kMeshFields);
  const base::Settings* const groups[] = {&settings};
  TRY(auto line, base::parse_command_line(arguments.subspan(1), groups));
  if (line.wants_help) {
    invocation.wants_help = true;
    return invocation;
  }
  invocation.command = arguments.front();
  auto words = std::span(line.words);
  if (invocation.command == "join" || invocation.command == "detach") {
    if (words.empty()) return wrong("which region? Its id is missing");
    TRY(invocation.id, parse_id(words.front()));
    words = words.subspan(1);
  }
  if (!line.config_file.empty()) {
    TRY(const auto text, read_file(line.config_file));
    TRY(const auto file, base::parse_config_file(text, line.config_file, ""));
    for (const auto& given : file.top.assignments) TRY_VOID(settings.assign(given));
  }
  for (const auto& given : line.assignments) TRY_VOID(settings.assign(given));
  TRY_VOID(base::validate(invocation.settings, kMeshFields));
  auto& regions = invocation.settings.regions;
  regions.insert(regions.end(), words.begin(), words.end());
  for (const auto& text : regions) {
    auto url = base::parse_redis_url(text);
    if (!url) return wrong("region: " + url.error().detail);
    invocation.urls.push_back(*std::move(url));
  }
  if (invocation.urls.empty()) return wrong("name the regions' masters: redis://host:port ...");
  if (invocation.command == "verify" && invocation.urls.size() < 2)
    return wrong("name two regions at least: there is nothing to compare one with");
  return invocation;
}

std::string mesh_help() {
  MeshSettings settings;
  return "Usage: sluice geo status|verify|conflicts redis://MASTER ... [OPTIONS]\n"
         "       sluice geo join|detach ID redis://MASTER ... [OPTIONS]\n\n"
         "  status     who has what of whom, how far behind, what is not yet stable\n"
         "  verify     compares all data at a moment when nobody lacks anything; exit code 1 and\n"
         "             the names of keys if regions differ\n"
         "  conflicts  what was decided lately between concurrent writes, and who lost\n"
         "  join       region ID counts as a member from now on, in the regions named\n"
         "  detach     region ID counts no more: nobody waits for it, its ops are refused\n\n"
         "Name all regions. Settings can stand in the TOML file of --config, with '_' for "
         "'-'.\n\n" +
         base::help_text(base::Settings(settings, kMeshFields));
}

std::string mesh_reference() {
  MeshSettings settings;
  return base::markdown_table(base::Settings(settings, kMeshFields));
}

}  // namespace sluice::geo
