// What `sluice lab cut|heal|kill REGION` says to the lab that runs, over a socket.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "rt/gate.h"
#include "rt/host.h"
#include "rt/network.h"

namespace sluice::lab {

inline constexpr const char* kMeshName = "mesh";  // unless told otherwise

// Lives on one core; stop() before it is destroyed.
class MeshControl {
 public:
  // Answers a line such as "cut eu" with what came of it.
  using Obey = std::function<rt::Task<Result<std::string>>(std::string order, std::string region)>;

  // kBusy if a lab of that name runs.
  static Result<std::unique_ptr<MeshControl>> open(rt::Host& host, const std::string& name,
                                                   Obey obey);
  rt::Task<void> stop();

 private:
  MeshControl(rt::Host& host, Obey obey) : host_(host), obey_(std::move(obey)), tasks_(host) {}

  rt::Task<void> accept_all();
  rt::Task<void> answer(std::unique_ptr<rt::Stream> stream);

  rt::Host& host_;
  Obey obey_;
  std::unique_ptr<rt::Listener> listener_;
  rt::Gate tasks_;
};

// What the lab called `name` answers to an order. kNotFound if there is none.
Result<std::string> tell_mesh(const std::string& name, const std::string& order,
                              const std::string& region);

}  // namespace sluice::lab
