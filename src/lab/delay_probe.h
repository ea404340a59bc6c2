// Publishes the time on one node and sees how late it is on others: the delay of a stream.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>

#include "lab/histogram.h"
#include "lab/world.h"

namespace sluice::lab {

// A PUBLISH travels in the replication stream like a write. All nodes are of one machine and so
// have one clock. Lives on the core of `world`, which outlives it; stop() before it is destroyed.
class DelayProbe {
 public:
  class Place {
   public:
    const Histogram& delay() const { return delay_; }  // since it was published
    const Histogram& hop() const { return hop_; }      // since the place before had it
    rt::Instant newest() const { return newest_; }     // when that was published
    rt::Instant arrived() const { return arrived_; }   // when the last one came
    rt::Duration last_delay() const { return arrived_ - newest_; }

   private:
    friend class DelayProbe;
    Server* server_ = nullptr;
    const Place* before_ = nullptr;
    Histogram delay_;
    Histogram hop_;
    std::map<std::int64_t, rt::Instant> arrivals_;  // of the last kArrivalsMax, by their stamp
    rt::Instant newest_;
    rt::Instant arrived_;
    std::unique_ptr<rt::Stream> stream_;
  };

  explicit DelayProbe(World& world) : world_(world), tasks_(world.host()) {}

  void publish_on(Server& source);
  // `before`: the place that the stream passes before this one; null: the source.
  const Place& watch(Server& server, const Place* before = nullptr);
  rt::Task<void> stop();

 private:
  rt::Task<void> publish(Server& source);
  rt::Task<Result<>> publish_steadily(Server& source);
  rt::Task<void> listen(Place& place);
  rt::Task<Result<>> subscribe(Place& place);
  void take(Place& place, const resp::Reply& reply) const;

  World& world_;
  rt::Gate tasks_;
  std::list<Place> places_;
};

}  // namespace sluice::lab
