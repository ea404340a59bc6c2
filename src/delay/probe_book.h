// Which probes were sent, which node has shown which, and how long each took.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/duration_histogram.h"
#include "rt/clock.h"

namespace sluice::delay {

// Of one node: how old what it has is. All by the prober's own clock.
struct Delays {
  base::DurationHistogram all;  // from the master to this node
  base::DurationHistogram hop;  // this node's share: what it came later than at the node before it
  std::optional<rt::Duration> last;
  std::uint64_t shown = 0;
  std::uint64_t missed = 0;  // never shown: a later probe came instead
};

// What one arrival told.
struct Arrival {
  rt::Duration delay;
  std::optional<rt::Duration> hop;  // nothing if the node before has not shown this probe
};

// Probes carry numbers from 1 on. Nodes are in the order in which the stream passes them; the master
// is none of them. A replication stream keeps its order, so a node that shows a probe has passed all
// before it. Pure: instants are passed in.
class ProbeBook {
 public:
  // Probes are forgotten once every node has shown them or a later one, or when so many more were
  // sent; what arrives after that counts as missed.
  static constexpr std::size_t kProbesKept = 4096;

  explicit ProbeBook(std::size_t nodes) : nodes_(nodes) {}

  // The number of a probe that is written to the master at `now`. `way` is what the way to the master
  // takes, half a round trip.
  std::uint64_t send(rt::Instant now, rt::Duration way);

  // `node` has shown probe `number`, and it took `way` to come back from there. Nothing if it is
  // none of ours, was shown before or is forgotten.
  std::optional<Arrival> arrive(std::size_t node, std::uint64_t number, rt::Instant now,
                                rt::Duration way);

  // The age of what `node` has: its last delay, or the age of the oldest probe that it has not shown
  // if that is longer. So a probe that is lost or late counts from the moment when it should have
  // come. Nothing before the first probe.
  std::optional<rt::Duration> age(std::size_t node, rt::Instant now) const;

  std::uint64_t sent() const { return sent_; }
  std::uint64_t outstanding(std::size_t node) const { return sent_ - nodes_[node].seen; }
  const Delays& delays(std::size_t node) const { return nodes_[node].delays; }
  std::size_t kept() const { return probes_.size(); }

 private:
  struct Probe {
    rt::Instant published;                            // at the master, as far as we know
    std::vector<std::optional<rt::Duration>> delays;  // of each node
  };
  struct Node {
    std::uint64_t seen = 0;                    // the last probe it has shown
    std::optional<rt::Instant> waiting_since;  // of the oldest probe after `seen`
    Delays delays;
  };

  Probe* find(std::uint64_t number);
  void forget();

  std::vector<Node> nodes_;
  std::deque<Probe> probes_;  // the last of them is number sent_
  std::uint64_t sent_ = 0;
};

}  // namespace sluice::delay
