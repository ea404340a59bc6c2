#include "worker.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <sys/prctl.h>

#include "workers.h"

namespace sluice::bench {
namespace {

int run_worker(const std::vector<std::string>& words) {
  CLI::App app("A worker of a bench");
  app.require_subcommand(1);
  LoadOptions load;
  auto* load_command = app.add_subcommand("load");
  load_command->add_option("--port", load.port);
  load_command->add_option("--stats", load.stats);
  load_command->add_option("--rate", load.rate);
  load_command->add_option("--keys", load.keys);
  load_command->add_option("--value-bytes", load.value_bytes);
  FakeReplicaOptions replicas;
  auto* replicas_command = app.add_subcommand("replicas");
  replicas_command->add_option("--port", replicas.port);
  replicas_command->add_option("--stats", replicas.stats);
  replicas_command->add_option("--count", replicas.count);
  replicas_command->add_option("--bytes-per-second", replicas.bytes_per_second);
  replicas_command->add_option("--replid", replicas.replid);
  replicas_command->add_option("--spread", replicas.spread);
  PumpOptions pump;
  auto* pump_command = app.add_subcommand("pump");
  pump_command->add_option("--stats", pump.stats);
  pump_command->add_option("--mix", pump.mix);
  CopyOptions copy;
  auto* copy_command = app.add_subcommand("copy");
  copy_command->add_option("--upstream", copy.upstream);
  copy_command->add_option("--stats", copy.stats);
  copy_command->add_option("--dir", copy.dir);
  copy_command->add_flag("--sync-every-second", copy.sync_every_second);
  SourceOptions source;
  auto* source_command = app.add_subcommand("source");
  source_command->add_option("--address", source.address);
  source_command->add_option("--port", source.port);
  source_command->add_option("--stats", source.stats);
  source_command->add_option("--congestion", source.congestion);
  source_command->add_option("--first-line", source.first_line);
  source_command->add_option("--content", source.content);
  source_command->add_option("--bytes-per-second", source.bytes_per_second);
  SinkOptions sink;
  auto* sink_command = app.add_subcommand("sink");
  sink_command->add_option("--address", sink.address);
  sink_command->add_option("--port", sink.port);
  sink_command->add_option("--stats", sink.stats);
  std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 wants them
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  if (load_command->parsed()) return run_load(load);
  if (replicas_command->parsed()) return run_fake_replicas(replicas);
  if (pump_command->parsed()) return run_pump(pump);
  if (source_command->parsed()) return run_source(source);
  if (sink_command->parsed()) return run_sink(sink);
  return run_copy(copy);
}

}  // namespace

std::optional<int> run_as_worker(const std::vector<std::string>& argv) {
  if (argv.size() < 3 || argv[1] != "worker") return std::nullopt;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  return run_worker({argv.begin() + 2, argv.end()});
}

}  // namespace sluice::bench
