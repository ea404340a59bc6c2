#include "sim/host.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/machine.h"
#include "sim/network.h"

namespace sluice::sim {

namespace {
constexpr std::size_t kReadBufferBytes = 16 * 1024;
}  // namespace

class Host::Clock : public rt::Clock {
 public:
  explicit Clock(Machine& machine) : machine_(machine), world_(machine.world()) {}

  rt::Instant now() const override { return world_.now(); }
  std::int64_t wall_ms() const override { return machine_.wall_ms(); }
  rt::TimerId call_at(rt::Instant at, std::function<void()> callback) override {
    return world_.timers().add(at, std::move(callback));
  }
  void cancel(rt::TimerId id) override { world_.timers().cancel(id); }

 private:
  Machine& machine_;
  World& world_;
};

class Host::Net : public rt::Network {
 public:
  explicit Net(Host& host) : host_(host) {}

  rt::Task<Result<std::unique_ptr<rt::Stream>>> connect(base::Endpoint to,
                                                        rt::ConnectOptions options) override {
    return host_.world().network().connect(host_, std::move(to), options.timeout);
  }
  Result<std::unique_ptr<rt::Listener>> listen(const base::Endpoint& at,
                                               rt::ListenOptions) override {
    return host_.world().network().listen(host_, at);
  }
  rt::Task<Result<std::unique_ptr<rt::Stream>>> start_tls(std::unique_ptr<rt::Stream> outer,
                                                          rt::TlsFiles, rt::Duration) override {
    co_return std::move(outer);
  }
  // Machines have no numbers: a name is its own address.
  rt::Task<Result<std::vector<base::Endpoint>>> resolve(base::Endpoint name,
                                                        rt::Duration) override {
    std::vector<base::Endpoint> only(1, std::move(name));
    co_return only;
  }
  void watch(std::function<void(const rt::NetworkEvent&)>) override {
  }  // nothing of it happens here

 private:
  Host& host_;
};

Host::Host(Machine& machine)
    : machine_(machine),
      alive_(std::make_shared<bool>(true)),
      clock_(std::make_unique<Clock>(machine)),
      net_(std::make_unique<Net>(*this)),
      lanes_(machine.world(), machine.disk()),
      read_buffer_(kReadBufferBytes) {}

Host::~Host() = default;

World& Host::world() {
  return machine_.world();
}
rt::Loop& Host::loop() {
  return machine_.world().loop();
}
rt::Clock& Host::clock() {
  return *clock_;
}
rt::Network& Host::network() {
  return *net_;
}
std::uint64_t Host::random() {
  return machine_.world().random().bits();
}

Result<std::unique_ptr<rt::Directory>> Host::directory(std::string_view path) {
  return machine_.disk().open_path(path, life());
}

Result<std::unique_ptr<rt::Process>> Host::start(const rt::ProcessSpec&) {
  return fail(Errc::kRejected, "a simulated machine starts no programs");
}

void Host::remove(Mortal& mortal) {
  const auto place = std::ranges::find(mortals_, &mortal);
  CHECK(place != mortals_.end());
  mortals_.erase(place);
}

void Host::die() {
  *alive_ = false;
  // One's death may destroy others, such as a listener's waiting streams.
  const auto all = mortals_;
  for (Mortal* mortal : all) {
    if (std::ranges::find(mortals_, mortal) != mortals_.end()) mortal->die();
  }
}

}  // namespace sluice::sim
