#include "log_export.h"

#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "keeper/export.h"
#include "replog/open_to_read.h"
#include "replog/rfc3339.h"
#include "roles.h"
#include "rt/cores.h"

namespace sluice {
namespace {

Result<std::optional<keeper::ExportPoint>> parse_point(const std::string& at) {
  if (at.empty()) return std::nullopt;
  std::uint64_t offset = 0;
  const auto* const last = at.data() + at.size();
  const auto [end, error] = std::from_chars(at.data(), last, offset);
  if (error == std::errc{} && end == last) return keeper::ExportPoint{repl::Offset{offset}};
  TRY(const auto wall_ms, replog::parse_rfc3339(at));
  return keeper::ExportPoint{keeper::AtTime{wall_ms}};
}

void show_stage(std::string_view stage, std::uint64_t done, std::uint64_t) {
  if (done == 0) std::fprintf(stderr, "%s\n", std::string(stage).c_str());
}

rt::Task<void> run_export(rt::Host& host, replog::Log& log, keeper::ExportOptions options,
                          Result<keeper::Exported>& outcome) {
  outcome = co_await keeper::export_rdb(host, log, std::move(options), show_stage);
}

void print(const keeper::Exported& exported, const LogExport& options) {
  const auto offset = exported.at.offset.bytes();
  if (options.is_json) {
    const nlohmann::json line{{"offset", offset},
                              {"replid", std::string(exported.at.id.text())},
                              {"bytes", exported.bytes},
                              {"keys", exported.keys},
                              {"out", options.out}};
    std::printf("%s\n", line.dump().c_str());
    return;
  }
  std::printf("%s: %llu keys, %llu bytes, as of offset %llu\n", options.out.c_str(),
              static_cast<unsigned long long>(exported.keys),
              static_cast<unsigned long long>(exported.bytes),
              static_cast<unsigned long long>(offset));
}

Result<keeper::Exported> export_now(const LogExport& options) {
  TRY(const auto at, parse_point(options.at));
  rt::Cores cores(1);
  auto& host = cores.host(0);
  TRY(const auto log, replog::open_to_read(host, options.dir, options.lineage));
  const keeper::ExportOptions what{
      .at = at, .out = options.out, .redis_server = options.redis_server};
  Result<keeper::Exported> outcome = fail(Errc::kCancelled, "stopped");
  cores.run_until_ended(run_export(host, *log, what, outcome));
  return outcome;
}

}  // namespace

int run_log_export(const LogExport& options) {
  const auto exported = export_now(options);
  if (exported) {
    print(*exported, options);
    return kExitOk;
  }
  std::fprintf(stderr, "sluice log export: %s\n", exported.error().detail.c_str());
  return exported.error().code == Errc::kRejected ? kExitUsage : kExitFailed;
}

}  // namespace sluice
