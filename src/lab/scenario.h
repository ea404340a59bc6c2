// Tells a story and holds it to its word: what is done, what is expected of the servers, the sum.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lab/session.h"
#include "lab/world.h"

namespace sluice::lab {

// Lives on the core of its world. An expectation that fails is printed and remembered; the story
// goes on, so that one run shows all that is wrong.
class Scenario {
 public:
  Scenario(World& world, Wish& wish)
      : world_(world), wish_(wish), started_(world.host().clock().now()) {}

  void title(std::string_view text);
  void say(std::string_view text);
  void expect(bool is_so, std::string_view what);

  // Looks at a node's INFO until `holds`, and returns after how many seconds that was; kTimedOut
  // with `what` if it was not in time. A node that does not answer is asked again.
  using Predicate = std::function<bool(const redis::Info&)>;
  rt::Task<Result<double>> until(Server& server, Predicate holds, std::string what);
  rt::Task<Result<>> pause(rt::Duration time);  // kCancelled if the user wants an end

  World& world() { return world_; }
  double seconds() const;  // since it began
  int failures() const { return failures_; }
  void set_patience(rt::Duration patience) { patience_ = patience; }

 private:
  World& world_;
  Wish& wish_;
  const rt::Instant started_;
  rt::Duration patience_ = std::chrono::seconds(60);
  int failures_ = 0;
};

// The value of a metric in a Prometheus exposition, whatever its labels; nothing if it is not there.
std::optional<double> metric_value(std::string_view exposition, std::string_view name);

// Asks a keeper's /metrics.
rt::Task<Result<double>> metric_of(World& world, Server& keeper, std::string name);

}  // namespace sluice::lab
