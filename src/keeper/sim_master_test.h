// A master of a simulated world: writes a random stream and speaks the master's side of PSYNC2.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "keeper/sim_truth_test.h"
#include "resp/command_reader.h"
#include "rt/gate.h"
#include "sim/machine.h"

namespace sluice::keeper {

inline constexpr std::uint16_t kKeeperPort = 7000;
inline constexpr std::uint16_t kMasterPort = 6379;
inline constexpr std::uint16_t kSaverPort = 6380;  // of a replica of it that snapshots are taken of

struct ModelMasterOptions {
  std::optional<repl::Position> inherited;  // set: promoted, its stream parted from that one there
  std::uint64_t backlog_bytes = ~std::uint64_t{0};
  rt::Duration pause_max = std::chrono::milliseconds(200);  // between two bursts
};

class ModelMaster {
 public:
  ModelMaster(sim::Machine& machine, Truth& truth, Line& line, ModelMasterOptions options);

  // Stopped by ending its process; done once nothing of it runs.
  void stop();
  bool is_done() const { return gate_.running() == 0; }
  bool has_stopped() const { return gate_.is_closing(); }
  // Until it is told "": says that it is a replica of that machine's keeper or, named itself, of
  // itself. As Redis does then, it keeps its replicas connected and silent.
  void replicate_of(std::string machine) { replicates_of_ = std::move(machine); }
  // From now on it sends PINGs alone.
  void become_quiet() { is_quiet_ = true; }

  const std::string& name() const { return host_.machine().name(); }
  Line& line() { return line_; }
  const Line& line() const { return line_; }
  std::uint64_t full_resyncs() const { return full_resyncs_; }
  std::uint64_t snapshots_saved() const { return snapshots_saved_; }
  std::uint64_t partial_resyncs() const { return partial_resyncs_; }

 private:
  struct Link;

  enum class As : std::uint8_t { kMaster, kSaver };

  rt::Task<void> accept_loop(As as);
  rt::Task<void> serve(std::unique_ptr<rt::Stream> stream, As as);
  rt::Task<bool> answer(Link& link, resp::Command command);
  void start_replica(Link& link, std::string_view replid, std::string_view next);
  bool continues(const repl::Position& from) const;
  rt::Task<void> send_all(Link& link);
  rt::Task<void> send_from(Link& link, std::uint64_t from);
  rt::Task<Result<>> send_snapshot(Link& link);
  rt::Task<void> write_loop();
  void emit();
  void emit_write();
  void append(std::initializer_list<std::string_view> words);
  void mark() { line_.marks.push_back(line_.end()); }
  std::string info() const;

  sim::Host& host_;
  sim::Random& random_;
  Truth& truth_;
  Line& line_;
  ModelMasterOptions options_;
  std::string run_id_;
  std::unique_ptr<rt::Listener> listener_;
  std::unique_ptr<rt::Listener> saver_;
  rt::Event grown_;
  rt::Gate gate_;
  bool is_quiet_ = false;
  std::string replicates_of_;
  std::uint64_t full_resyncs_ = 0;
  std::uint64_t snapshots_saved_ = 0;
  std::uint64_t partial_resyncs_ = 0;
};

}  // namespace sluice::keeper
