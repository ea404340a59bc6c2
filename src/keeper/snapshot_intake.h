// A snapshot that comes in from an upstream, kept from one connection to the next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "rdb/scanner.h"
#include "replog/log.h"

namespace sluice::keeper {

// Its bytes are in the file of `writer`, which nobody sees until they are all there, and were
// scanned: what comes later goes on from there, and nothing is read again.
struct SnapshotIntake {
  repl::Position at;
  std::string name;  // by which the upstream can be asked for the rest; empty: it cannot
  std::optional<std::uint64_t> total;
  std::unique_ptr<replog::SnapshotWriter> writer;
  rdb::Scanner scanner;

  std::uint64_t bytes() const { return writer->bytes(); }
  bool is_resumable() const { return !name.empty() && total && bytes() > 0 && bytes() < *total; }
};

}  // namespace sluice::keeper
