// Flows over an emulated WAN, each on a link of its own between two hosts of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/ocean.h"
#include "stage.h"

namespace sluice::bench {

// How bytes get across.
struct Carrier {
  std::string name;
  std::string congestion;   // of the source's socket; empty: the kernel's choice
  bool is_relayed = false;  // through a relay on either side
  std::vector<std::string> relay_flags{};
  std::string content = "random";  // see workers.h
  double bytes_per_second = 0;     // 0: as fast as it goes
};

// By name, as a user of a bench writes it: a congestion control of the kernel, "sluice" (through
// relays), "sluice-text" (the same with compressible bytes), both also with flags of their relays, as
// "sluice+stripes=8+no-bulk-yields".
Result<Carrier> carrier_of(const std::string& name);

// The WAN of a bench: `lanes` links between hosts of their own, alike.
class Ocean {
 public:
  static Result<std::unique_ptr<Ocean>> make(rt::Host& host, std::uint32_t lanes);
  Ocean(const Ocean&) = delete;
  Ocean& operator=(const Ocean&) = delete;

  Result<> set(const lab::Conditions& conditions) { return ocean_->set(conditions); }
  Result<> cut(rt::Duration time) { return ocean_->cut(time); }

  // kRejected if the emulation itself dropped packets: what was measured is void.
  Result<> check_sound();

  const lab::WanSideStatus& near(std::size_t lane) const { return sides_[2 * lane]; }
  const lab::WanSideStatus& far(std::size_t lane) const { return sides_[2 * lane + 1]; }

  rt::Task<void> stop() { return ocean_->stop(); }

 private:
  explicit Ocean(std::unique_ptr<lab::Ocean> ocean);

  std::unique_ptr<lab::Ocean> ocean_;
  std::vector<lab::WanSideStatus> sides_;
};

// A source on the near side, a sink on the far one. They end with it.
class Lane {
 public:
  // Over the link and the relays of `other`, which has started and outlives it.
  Lane(const Lane& other, Carrier carrier)
      : stage_(other.stage_),
        ocean_(other.ocean_),
        number_(other.number_),
        carrier_(std::move(carrier)),
        is_beside_(true) {}
  Lane(Stage& stage, const Ocean& ocean, std::size_t number, Carrier carrier)
      : stage_(stage), ocean_(ocean), number_(number), carrier_(std::move(carrier)) {}

  rt::Task<Result<>> start();

  const Carrier& carrier() const { return carrier_; }
  FlowStats& stats() { return *stats_; }
  std::uint64_t received() const { return stats_->received; }

 private:
  std::string stats_file() const;
  Result<> start_relay(const lab::WanSideStatus& side, std::unique_ptr<rt::Process>& relay);
  Result<std::unique_ptr<rt::Process>> worker(const lab::WanSideStatus& side,
                                              std::vector<std::string> words);

  Stage& stage_;
  const Ocean& ocean_;
  std::size_t number_;
  Carrier carrier_;
  bool is_beside_ = false;
  FlowStats* stats_ = nullptr;
  std::unique_ptr<rt::Process> far_relay_;
  std::unique_ptr<rt::Process> near_relay_;
  std::unique_ptr<rt::Process> sink_;
  std::unique_ptr<rt::Process> source_;
};

}  // namespace sluice::bench
