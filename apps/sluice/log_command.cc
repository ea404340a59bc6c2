// `sluice log`: looks into a keeper's folder, also while the keeper runs. Changes nothing.
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "log_export.h"
#include "replog/command_log.h"
#include "replog/file_names.h"
#include "replog/rfc3339.h"
#include "replog/verify.h"
#include "resp/quote.h"
#include "roles.h"
#include "rt/cores.h"

namespace sluice {
namespace {

using nlohmann::json;
using replog::ArchiveView;
using replog::LineageRef;
using replog::LineageView;

struct Options {
  std::string dir;
  std::string at;
  std::string lineage;
  std::string out;
  std::string redis_server = "redis-server";
  std::uint64_t count = 0;  // 0: all
  bool is_json = false;
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Standard output, or the file of --out.
class Output {
 public:
  static Result<Output> open(const std::string& path) {
    Output output;
    if (path.empty()) return output;
    output.own_.reset(std::fopen(path.c_str(), "wb"));
    if (!output.own_) return fail(Errc::kRejected, "'" + path + "' cannot be written");
    return output;
  }

  Result<> line(const std::string& text) {
    std::FILE* to = own_ ? own_.get() : stdout;
    const bool is_written =
        std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fputc('\n', to) != EOF;
    return is_written ? Result<>{} : fail(Errc::kDiskFailed, "the output cannot be written");
  }

  Result<> close() {
    const int failed = own_ ? std::fclose(own_.release()) : std::fflush(stdout);
    return failed == 0 ? Result<>{} : fail(Errc::kDiskFailed, "the output cannot be written");
  }

 private:
  std::unique_ptr<std::FILE, CloseFile> own_;
};

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::unique_ptr<rt::Directory>> open_folder(rt::Host& host, const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    return fail(Errc::kNotFound, "'" + path + "' is no folder");
  }
  return host.directory(path);
}

Result<ArchiveView> open_archive(rt::Directory& directory, const Options& options) {
  auto archive = ArchiveView::open(directory);
  if (!archive && archive.error().code == Errc::kNotFound) {
    return fail(Errc::kNotFound, "'" + options.dir + "' holds no keeper's log (archive.json)");
  }
  return archive;
}

// --- ls ------------------------------------------------------------------------------------------

json positions_json(const std::vector<repl::Position>& positions) {
  json list = json::array();
  for (const auto& each : positions) {
    list.push_back({{"replid", std::string(each.id.text())}, {"offset", each.offset.bytes()}});
  }
  return list;
}

json lineage_json(const LineageRef& ref, const Result<LineageView>& view) {
  json object{{"lineage", ref.name}, {"state", std::string(to_string(ref.state))}};
  if (!ref.quarantine.empty()) object["quarantine"] = ref.quarantine;
  if (ref.retired_ms > 0) object["retired"] = replog::to_rfc3339(ref.retired_ms);
  if (!view) {
    object["error"] = view.error().detail;
    return object;
  }
  const auto& found = view->found;
  object["origins"] = positions_json(found.file.origins);
  object["begin"] = found.extent.begin().bytes();
  object["end"] = found.extent.end().bytes();
  object["boundary"] = found.scanner.boundary().offset.bytes();
  object["diverged"] = found.file.diverged;
  object["note"] = found.note;
  object["segments"] = json::array();
  for (const auto& each : found.extent.segments) {
    object["segments"].push_back({{"file", replog::segment_name(each.start)},
                                  {"begin", each.start.bytes()},
                                  {"end", each.end.bytes()},
                                  {"blocks", each.entries},
                                  {"last", replog::to_rfc3339(each.wall_ms)}});
  }
  object["snapshots"] = json::array();
  for (const auto& each : found.file.snapshots) {
    object["snapshots"].push_back({{"file", each.file_name},
                                   {"replid", std::string(each.at.id.text())},
                                   {"offset", each.at.offset.bytes()},
                                   {"db", each.db},
                                   {"bytes", each.bytes},
                                   {"keys", each.keys},
                                   {"time", replog::to_rfc3339(each.wall_ms)}});
  }
  return object;
}

std::string range(repl::Offset begin, repl::Offset end) {
  return std::to_string(begin.bytes()) + ".." + std::to_string(end.bytes()) + " (" +
         std::to_string(end - begin) + " bytes)";
}

Result<> print_lineage(const LineageRef& ref, const Result<LineageView>& view, Output& output) {
  std::string head = ref.name + "  " + std::string(to_string(ref.state));
  if (ref.retired_ms > 0) head += " since " + replog::to_rfc3339(ref.retired_ms);
  if (!ref.quarantine.empty()) head += ": " + ref.quarantine;
  if (!view) return output.line(head + "  DAMAGED: " + view.error().detail);
  const auto& found = view->found;
  head += "  offsets " + range(found.extent.begin(), found.extent.end());
  TRY_VOID(output.line(head));
  for (const auto& each : found.file.origins) {
    TRY_VOID(output.line("  replid    " + std::string(each.id.text()) + " from offset " +
                         std::to_string(each.offset.bytes())));
  }
  for (const auto& each : found.file.snapshots) {
    TRY_VOID(output.line("  snapshot  " + each.file_name + "  at " +
                         std::to_string(each.at.offset.bytes()) + "  db " +
                         std::to_string(each.db) + "  " + std::to_string(each.bytes) + " bytes  " +
                         std::to_string(each.keys) + " keys  " + replog::to_rfc3339(each.wall_ms)));
  }
  for (const auto& each : found.extent.segments) {
    std::string line = "  segment   " + replog::segment_name(each.start) + "  " +
                       range(each.start, each.end) + "  " + std::to_string(each.entries) +
                       " blocks";
    if (each.entries > 0) line += "  until " + replog::to_rfc3339(each.wall_ms);
    TRY_VOID(output.line(line));
  }
  for (const auto& each : found.file.diverged) TRY_VOID(output.line("  diverged  " + each));
  return found.note.empty() ? Result<>{} : output.line("  note      " + found.note);
}

Result<> list(rt::Directory& directory, const Options& options, Output& output) {
  TRY(const auto archive, open_archive(directory, options));
  json lineages = json::array();
  for (const LineageRef& ref : archive.lineages()) {
    const auto view = archive.lineage(ref.name);
    if (options.is_json) {
      lineages.push_back(lineage_json(ref, view));
    } else {
      TRY_VOID(print_lineage(ref, view, output));
    }
  }
  if (!options.is_json) return {};
  return output.line(dump({{"keeper_id", archive.file().keeper_id}, {"lineages", lineages}}));
}

// --- verify --------------------------------------------------------------------------------------

Result<> print_verdict(const replog::Verdict& verdict, Output& output) {
  for (const auto& each : verdict.damage) {
    TRY_VOID(output.line("damaged   " + each.file + " at offset " +
                         std::to_string(each.offset.bytes()) + ": " + each.what));
  }
  for (const auto& each : verdict.notes) TRY_VOID(output.line("note      " + each));
  return output.line(std::string(verdict.damage.empty() ? "sound" : "DAMAGED") + "  " +
                     std::to_string(verdict.bytes) + " bytes in " + std::to_string(verdict.blocks) +
                     " blocks of " + std::to_string(verdict.files) + " files");
}

json verdict_json(const replog::Verdict& verdict) {
  json damage = json::array();
  for (const auto& each : verdict.damage) {
    damage.push_back({{"file", each.file}, {"offset", each.offset.bytes()}, {"what", each.what}});
  }
  return {{"files", verdict.files},
          {"blocks", verdict.blocks},
          {"bytes", verdict.bytes},
          {"damage", damage},
          {"notes", verdict.notes}};
}

Result<> verify(rt::Directory& directory, const Options& options, Output& output) {
  TRY_VOID(open_archive(directory, options));
  TRY(const auto verdict, replog::verify(directory));
  if (options.is_json) {
    TRY_VOID(output.line(dump(verdict_json(verdict))));
  } else {
    TRY_VOID(print_verdict(verdict, output));
  }
  if (verdict.damage.empty()) return {};
  return fail(Errc::kCorrupt, std::to_string(verdict.damage.size()) + " damaged places");
}

// --- cat -----------------------------------------------------------------------------------------

// An offset, or a time.
Result<repl::Mark> place(const LineageView& view, const std::string& at) {
  if (at.empty()) {
    // The first mark that can be read back: retention cuts where it likes.
    auto first = view.mark_at(view.found.extent.begin());
    if (first) return first;
    replog::StreamWalk walk = view.walk(view.found.extent.begin());
    for (;;) {
      TRY(const auto block, walk.next());
      if (!block) return fail(Errc::kNotFound, "the log holds no whole command");
      const auto& boundary = block->entry.known_mark;
      if (boundary.offset >= view.found.extent.begin()) return boundary;
    }
  }
  std::uint64_t offset = 0;
  const auto [end, error] = std::from_chars(at.data(), at.data() + at.size(), offset);
  if (error == std::errc{} && end == at.data() + at.size()) {
    return view.mark_at(repl::Offset{offset});
  }
  TRY(const auto wall_ms, replog::parse_rfc3339(at));
  return view.mark_at_time(wall_ms);
}

std::string command_line(const replog::LoggedCommand& command, bool is_json) {
  if (is_json) {
    json arguments = json::array();
    for (const auto each : command.arguments) arguments.push_back(std::string(each));
    return dump({{"offset", command.offset.bytes()},
                 {"time", replog::to_rfc3339(command.wall_ms)},
                 {"db", command.db},
                 {"command", arguments}});
  }
  std::string line = std::to_string(command.offset.bytes()) + " " +
                     replog::to_rfc3339(command.wall_ms) + " [" + std::to_string(command.db) + "]";
  for (const auto each : command.arguments) line += " " + resp::quote(each);
  return line;
}

Result<> cat(rt::Directory& directory, const Options& options, Output& output) {
  TRY(const auto archive, open_archive(directory, options));
  TRY(const auto view, archive.lineage(options.lineage));
  TRY(const auto from, place(view, options.at));
  replog::CommandLog log(view, from);
  for (std::uint64_t n = 0; options.count == 0 || n < options.count; ++n) {
    TRY(const auto command, log.next());
    if (!command) return {};
    TRY_VOID(output.line(command_line(*command, options.is_json)));
  }
  return {};
}

// -------------------------------------------------------------------------------------------------

using Action = Result<> (*)(rt::Directory&, const Options&, Output&);

CLI::App* declare(CLI::App& parent, Options& options, const char* name, const char* summary) {
  CLI::App* app = parent.add_subcommand(name, summary);
  app->add_option("--dir", options.dir, "the keeper's folder (of one shard)")->required();
  app->add_flag("--json", options.is_json, "print JSON, for programs");
  return app;
}

void declare_out(CLI::App* app, Options& options) {
  app->add_option("--out", options.out, "a file to write to, instead of standard output");
}

void declare_place(CLI::App* app, Options& options, const char* what) {
  app->add_option("--at", options.at, what);
  app->add_option("--lineage", options.lineage, "not the active one but this, as ls names it");
}

int run_action(Action action, const Options& options) {
  rt::Cores cores(1);
  const auto act = [&]() -> Result<> {
    TRY(const auto directory, open_folder(cores.host(0), options.dir));
    TRY(auto output, Output::open(options.out));
    TRY_VOID(action(*directory, options, output));
    return output.close();
  };
  const auto outcome = act();
  if (outcome) return kExitOk;
  std::fflush(stdout);
  std::fprintf(stderr, "sluice log: %s\n", outcome.error().detail.c_str());
  return outcome.error().code == Errc::kRejected ? kExitUsage : kExitFailed;
}

}  // namespace

int run_log(const Arguments& arguments) {
  CLI::App app("Looks into a keeper's folder, also while the keeper runs.", "sluice log");
  app.require_subcommand(1);
  Options options;
  CLI::App* ls = declare(app, options, "ls", "lineages, snapshots and segments");
  CLI::App* verifying = declare(app, options, "verify", "read every block and check it");
  CLI::App* reading =
      declare(app, options, "cat", "print the commands with their offset, time and database");
  CLI::App* exporting =
      declare(app, options, "export", "write an RDB of the data set as of an offset or a time");
  for (CLI::App* each : {ls, verifying, reading}) declare_out(each, options);
  declare_place(reading, options,
                "begin with the transaction that this offset or time (RFC 3339) lies in");
  reading->add_option("--count", options.count, "so many commands, then stop");
  declare_place(exporting, options,
                "as of this offset or time (RFC 3339); without it, as far as the log goes");
  exporting->add_option("--out", options.out, "the RDB to write")->required();
  exporting->add_option("--redis-server", options.redis_server, "the program that replays")
      ->capture_default_str();
  std::vector<std::string> words(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (ls->parsed()) return run_action(list, options);
  if (verifying->parsed()) return run_action(verify, options);
  if (reading->parsed()) return run_action(cat, options);
  return run_log_export({.dir = options.dir,
                         .at = options.at,
                         .out = options.out,
                         .lineage = options.lineage,
                         .redis_server = options.redis_server,
                         .is_json = options.is_json});
}

}  // namespace sluice
