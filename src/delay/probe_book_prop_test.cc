#include <gtest/gtest.h>
#include <map>
#include <rapidcheck/gtest.h>

#include "delay/probe_book.h"

namespace sluice::delay {
namespace {

struct Step {
  bool is_send = false;
  std::size_t node = 0;
  std::uint64_t number = 0;
  rt::Duration passed{0};
};

constexpr std::size_t kNodes = 3;

rc::Gen<Step> any_step() {
  return rc::gen::build<Step>(
      rc::gen::set(&Step::is_send),
      rc::gen::set(&Step::node, rc::gen::inRange<std::size_t>(0, kNodes)),
      rc::gen::set(&Step::number, rc::gen::inRange<std::uint64_t>(0, 40)),
      rc::gen::set(&Step::passed, rc::gen::map(rc::gen::inRange(0, 1000), [](int ms) {
        return rt::Duration(std::chrono::milliseconds(ms));
      })));
}

// What a book must say, from all that ever happened.
struct Model {
  std::map<std::uint64_t, rt::Instant> sent;
  std::array<std::uint64_t, kNodes> seen{};
  std::array<std::optional<rt::Duration>, kNodes> last;
  std::array<std::uint64_t, kNodes> shown{};
};

RC_GTEST_PROP(ProbeBookProp, AgreesWithOneThatForgetsNothing, ()) {
  const auto steps = *rc::gen::container<std::vector<Step>>(any_step());
  ProbeBook book(kNodes);
  Model model;
  rt::Instant now{};
  for (const auto& step : steps) {
    now = now + step.passed;
    if (step.is_send) {
      model.sent.emplace(book.send(now, rt::Duration::zero()), now);
    } else {
      const auto arrival = book.arrive(step.node, step.number, now, rt::Duration::zero());
      const bool is_new = model.sent.contains(step.number) && step.number > model.seen[step.node];
      RC_ASSERT(arrival.has_value() == is_new);
      if (is_new) {
        model.seen[step.node] = step.number;
        model.last[step.node] = now - model.sent[step.number];
        ++model.shown[step.node];
        RC_ASSERT(arrival->delay == *model.last[step.node]);
      }
    }
    for (std::size_t node = 0; node < kNodes; ++node) {
      auto age = model.last[node];
      const auto oldest = model.sent.upper_bound(model.seen[node]);
      if (oldest != model.sent.end()) {
        const auto waited = now - oldest->second;
        age = std::max(age.value_or(waited), waited);
      }
      RC_ASSERT(book.age(node, now) == age);
      RC_ASSERT(book.delays(node).shown == model.shown[node]);
      RC_ASSERT(book.delays(node).shown + book.delays(node).missed == model.seen[node]);
      RC_ASSERT(book.outstanding(node) == model.sent.size() - model.seen[node]);
    }
  }
}

}  // namespace
}  // namespace sluice::delay
