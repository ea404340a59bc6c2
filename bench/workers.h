// The processes a bench starts beside the servers. Each is this executable under another name.
#pragma once

#include <cstdint>
#include <string>

#include "shared.h"

namespace sluice::bench {

struct LoadOptions {
  std::uint16_t port = 0;
  std::string stats;  // file that holds LoadStats
  double rate = 70'000;
  std::uint64_t keys = 10'000'000;
  std::size_t value_bytes = 8;
  std::uint32_t connections = 8;
};
int run_load(const LoadOptions& options);

struct FakeReplicaOptions {
  std::uint16_t port = 0;
  std::string stats;  // file that holds ReplicasStats
  std::uint32_t count = 4;
  double bytes_per_second = 0;  // each; 0: no limit
  std::string replid;           // of a history they say they hold; empty: they start with nothing
  std::uint64_t spread = 0;     // offsets at which they go on: from 0 up to here, evenly
};
int run_fake_replicas(const FakeReplicaOptions& options);

// A master that sends a stream of writes as fast as it is read.
struct PumpOptions {
  std::string stats;          // file that holds PumpStats
  std::string mix = "mixed";  // see pattern.h
};
int run_pump(const PumpOptions& options);

// The plain loop that a keeper is compared with: recv, write, sendfile, and nothing else.
struct CopyOptions {
  std::uint16_t upstream = 0;
  std::string stats;  // file that holds CopyStats
  std::string dir;
  bool sync_every_second = false;
};
int run_copy(const CopyOptions& options);

// Sends records over one connection, as fast as it goes or at a rate; goes on over a new one, where
// the sink has got to, when it breaks.
struct SourceOptions {
  std::string address;
  std::uint16_t port = 0;
  std::string stats;               // file that holds FlowStats
  std::string congestion;          // empty: the kernel's choice
  std::string first_line;          // sent before all else; CR LF is added
  std::string content = "random";  // or "text": commands as a master would send
  double bytes_per_second = 0;     // 0: no limit
};
int run_source(const SourceOptions& options);

struct SinkOptions {
  std::string address;
  std::uint16_t port = 0;
  std::string stats;  // file that holds FlowStats
};
int run_sink(const SinkOptions& options);

}  // namespace sluice::bench
