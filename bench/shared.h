// What the workers of a bench tell the bench while they run: counters in a file both have mapped.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <new>
#include <string>

#include "lab/histogram.h"

namespace sluice::bench {

inline constexpr std::size_t kPhasesMax = 24;
inline constexpr std::size_t kReplicasMax = 256;

// Written by the load generator, but for `phase` and `stop`. A histogram read while it is written
// may lack the latest few values, which does not matter here.
struct LoadStats {
  std::atomic<std::uint32_t> phase{0};  // where the latencies of now are counted
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> outstanding{0};
  std::array<lab::Histogram, kPhasesMax> latency{};
};

struct ReplicaStats {
  std::atomic<std::uint64_t> full_syncs{0};
  std::atomic<std::uint64_t> continues{0};
  std::atomic<std::uint64_t> snapshot_bytes{0};
  std::atomic<std::uint64_t> stream_bytes{0};
  std::atomic<std::uint64_t> offset{0};  // of the stream: what PSYNC would go on from
  std::atomic<bool> streaming{false};
};

struct ReplicasStats {
  std::atomic<bool> stop{false};
  std::array<ReplicaStats, kReplicasMax> replica{};
};

struct PumpStats {
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> port{0};
  std::atomic<std::uint64_t> limit{0};  // stream bytes to have sent; more may be asked for later
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> acked{0};  // the offset last acknowledged
  std::atomic<bool> connected{false};
};

struct CopyStats {
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> port{0};
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> durable{0};  // as the fsync policy says
};

// Of one flow of records from a source to a sink, wherever they are.
struct FlowStats {
  std::atomic<bool> stop{false};
  std::atomic<bool> is_listening{false};
  std::atomic<std::uint32_t> phase{0};        // where the delays of now are counted
  std::atomic<std::uint64_t> connections{0};  // that the source has made
  std::atomic<std::uint64_t> sent{0};         // bytes
  std::atomic<std::uint64_t> received{0};     // bytes, each record once
  std::atomic<std::uint64_t> due{0};          // bytes that a paced source should have sent by now
  std::array<lab::Histogram, kPhasesMax> delay{};
};

void* map_file(const std::string& path, std::size_t bytes, bool make);

// A T in a mapped file: the bench makes it, the worker opens it. Both live to the end.
template <typename T>
T* make_shared_stats(const std::string& path) {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  return ::new (map_file(path, sizeof(T), true)) T();
}
template <typename T>
T* open_shared_stats(const std::string& path) {
  return static_cast<T*>(map_file(path, sizeof(T), false));
}

}  // namespace sluice::bench
