// What the simulations of this folder share: a stream to store, and a keeper's folder on one machine.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "replog/disk_archive.h"
#include "sim/machine.h"
#include "sim/world.h"

namespace sluice::replog {

inline repl::ReplId replid(char fill) {
  return *repl::ReplId::parse(std::string(repl::ReplId::kLength, fill));
}

inline std::string command(const std::vector<std::string>& arguments) {
  std::string text = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const auto& each : arguments) {
    text += "$" + std::to_string(each.size()) + "\r\n" + each + "\r\n";
  }
  return text;
}

// Commands of about 50 bytes, told apart by their number; now and then a SELECT, a MULTI, a large
// value.
inline std::string commands(std::uint64_t first, std::uint64_t count) {
  std::string text;
  for (std::uint64_t n = first; n < first + count; ++n) {
    if (n % 16 == 0) text += command({"SELECT", std::to_string(n / 16 % 10)});
    const auto set = command({"SET", "key:" + std::to_string(n), "value of " + std::to_string(n)});
    if (n % 7 == 3)
      text.append(command({"MULTI"})).append(set).append(set).append(command({"EXEC"}));
    else
      text += set;
    if (n % 50 == 49) text += command({"SET", "large", std::string(5000, "abcdefg"[n % 7])});
  }
  return text;
}

// One machine with an archive in /keeper, driven from outside of it.
class ArchiveWorld {
 public:
  explicit ArchiveWorld(std::uint64_t seed) : world(seed) {}
  ~ArchiveWorld() { stop(); }
  ArchiveWorld(const ArchiveWorld&) = delete;
  ArchiveWorld& operator=(const ArchiveWorld&) = delete;

  // Runs `task` to its end.
  template <typename T>
  T run(rt::Task<T> task) {
    std::optional<T> value;
    world.spawn(into(std::move(task), value));
    CHECK(world.run_until([&] { return value.has_value(); }, std::chrono::hours(1)));
    return *std::move(value);
  }

  Result<> open() {
    if (machine().host() == nullptr) machine().boot();
    auto opened = Archive::open(*machine().host(), "/keeper", options);
    if (!opened) return tl::unexpected(opened.error());
    archive = *std::move(opened);
    return {};
  }

  // An active lineage from `at` on, with a snapshot.
  Result<> open_with_snapshot(repl::Position at, std::string_view snapshot) {
    TRY_VOID(open());
    return run(load(at, std::string(snapshot)));
  }

  rt::Task<Result<>> load(repl::Position at, std::string snapshot) {
    CO_TRY(Log * incoming, co_await archive->begin_incoming(at));
    CO_TRY(auto writer, co_await incoming->write_snapshot(at));
    CO_TRY_VOID(co_await writer->append(snapshot));
    CO_TRY_VOID(co_await writer->commit(0, 7));
    co_return co_await archive->promote_incoming();
  }

  void stop() {
    if (!archive) return;
    CHECK(run(closed()));
    archive.reset();
  }

  void crash(sim::Crash how) {
    machine().crash(how);
    stop();
  }

  // All that can be read from `at` on, up to `to` or to the first error.
  std::string read(repl::Offset at, repl::Offset to) {
    std::string bytes;
    const auto reader = log().read_from(at);
    read_error = run(read_all(*reader, to, bytes));
    return bytes;
  }
  std::string read_snapshot(const Snapshot& snapshot) {
    std::string bytes;
    auto reader = run(log().read_snapshot(snapshot));
    if (!reader) return "(" + reader.error().detail + ")";
    read_error = run(read_all(**reader, repl::Offset{snapshot.bytes}, bytes));
    return bytes;
  }

  sim::Machine& machine() { return world.machine("keeper"); }
  Log& log() { return *archive->active(); }

  sim::World world;
  LogOptions options;
  std::unique_ptr<Archive> archive;
  Result<> read_error;

 private:
  template <typename T>
  static rt::Task<void> into(rt::Task<T> task, std::optional<T>& value) {
    value = co_await std::move(task);
  }

  rt::Task<Result<>> closed() {
    co_await archive->close();
    co_return Result<>{};
  }

  static rt::Task<Result<>> read_all(Reader& reader, repl::Offset to, std::string& bytes) {
    while (reader.offset() < to) {
      CO_TRY(const auto chunk, co_await reader.next(100'000));
      std::string part(chunk.count, '\0');
      CO_TRY(const auto count, chunk.file->read_at(chunk.at, part));
      CHECK(count == chunk.count);
      part.resize(std::min<std::size_t>(part.size(), to - reader.offset()));
      bytes += part;
      reader.advance(part.size());
    }
    co_return Result<>{};
  }
};

}  // namespace sluice::replog
