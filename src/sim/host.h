// One process on a simulated machine, as its roles see it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "rt/host.h"
#include "sim/lanes.h"

namespace sluice::sim {

class Machine;
class World;

// What a crash has to end: open streams, listeners, attempts to connect.
class Mortal {
 public:
  virtual ~Mortal() = default;
  virtual void die() = 0;
};

class Host : public rt::Host {
 public:
  explicit Host(Machine& machine);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() override;

  rt::Loop& loop() override;
  rt::Clock& clock() override;
  rt::Network& network() override;
  rt::Disk& disk() override { return lanes_; }
  std::uint64_t random() override;
  Result<std::unique_ptr<rt::Directory>> directory(std::string_view path) override;
  Result<std::unique_ptr<rt::Process>> start(const rt::ProcessSpec& spec) override;
  std::span<char> read_buffer() override { return read_buffer_; }

  Machine& machine() { return machine_; }
  World& world();
  bool is_alive() const { return *alive_; }
  // For files, which may outlive the host.
  std::shared_ptr<const bool> life() const { return alive_; }

  void add(Mortal& mortal) { mortals_.push_back(&mortal); }
  void remove(Mortal& mortal);

  // For Machine::crash.
  void die();

 private:
  class Clock;
  class Net;

  Machine& machine_;
  std::shared_ptr<bool> alive_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Net> net_;
  Lanes lanes_;
  std::vector<Mortal*> mortals_;
  std::vector<char> read_buffer_;
};

}  // namespace sluice::sim
