// Any commands in any order, on one connection: nothing crashes, and no answer forges a line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "keeper/fixed_view.h"
#include "keeper/session.h"

namespace {

using sluice::keeper::Session;

// Commands end at newlines, arguments at spaces.
std::vector<std::string_view> arguments_of(std::string_view line) {
  std::vector<std::string_view> arguments;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    arguments.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return arguments;
}

// What an action came to must not matter to the session's health, so the input chooses it.
sluice::Result<sluice::keeper::Done> outcome_for(std::size_t choice) {
  constexpr sluice::Errc kErrors[] = {sluice::Errc::kBusy, sluice::Errc::kNotFound,
                                      sluice::Errc::kRejected};
  if (choice % 4 == 3) return sluice::keeper::Done{choice};
  return sluice::fail(kErrors[choice % 4], "line\r\nline");
}

void check_simple(std::string_view wire) {
  if (wire.empty() || (wire.front() != '-' && wire.front() != '+')) return;
  CHECK(wire.find('\n') == wire.size() - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  sluice::keeper::FixedView view;
  view.credentials_.users = {{"user", "pass"}};
  view.settings_ = {{"retention-bytes", "1", false}, {"password", "secret", true}};
  if (input.starts_with('!')) view.credentials_.requirepass = "secret";
  Session session(view, {7, "127.0.0.1:1", "127.0.0.1:2"}, {});
  view.clients_ = {session.facts()};

  while (!input.empty()) {
    const auto end = std::min(input.find('\n'), input.size());
    const auto arguments = arguments_of(input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
    if (arguments.empty()) continue;
    const auto outcome = session.step(arguments, {});
    for (const auto& piece : outcome.pieces) {
      const auto wire = session.answer_to(piece, outcome_for(arguments.back().size()));
      if (outcome.pieces.size() == 1) check_simple(wire);
    }
    view.clients_ = {session.facts()};
  }
  return 0;
}
