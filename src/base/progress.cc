#include "base/progress.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/byte_size.h"
#include "base/duration.h"

namespace sluice::base {
namespace {

using std::chrono::nanoseconds;
using Seconds = std::chrono::duration<double>;

// Moving average: a change of speed shows within some seconds, a hiccup does not.
constexpr double kNewestShare = 0.3;
constexpr double kSecondsLeftMax = 100.0 * 24 * 3600;  // beyond it a guess says nothing

nanoseconds interval(ProgressOutput output) {
  return output == ProgressOutput::kTerminal ? std::chrono::milliseconds(100)
                                             : std::chrono::seconds(5);
}

std::string time_left(const ProgressState& state) {
  const bool is_known = state.bytes_total && state.bytes_per_second > 0;
  if (!is_known) return "";
  const auto bytes_left =
      static_cast<double>(*state.bytes_total - std::min(state.bytes, *state.bytes_total));
  const double seconds = bytes_left / state.bytes_per_second;
  if (seconds > kSecondsLeftMax) return "";
  const std::chrono::seconds whole(static_cast<std::int64_t>(seconds));
  return fmt::format("  {} left", to_rounded(whole));
}

double average(std::uint64_t bytes, nanoseconds time) {
  return time.count() <= 0 ? 0 : static_cast<double>(bytes) / Seconds(time).count();
}

}  // namespace

std::string to_string(const ProgressState& state) {
  auto text = to_rounded(ByteSize{state.bytes});
  if (state.bytes_total) {
    const auto total = std::max<std::uint64_t>(*state.bytes_total, 1);
    const auto share = std::min(1.0, static_cast<double>(state.bytes) / static_cast<double>(total));
    text += fmt::format(" of {}  {}%", to_rounded(ByteSize{*state.bytes_total}),
                        static_cast<int>(share * 100));
  }
  const ByteSize rate{static_cast<std::uint64_t>(state.bytes_per_second)};
  return text + fmt::format("  {}/s", to_rounded(rate)) + time_left(state);
}

Progress::Progress(std::string what, ProgressOutput output, nanoseconds now, Print print)
    : what_(std::move(what)),
      output_(output),
      start_(now),
      print_(std::move(print)),
      drawn_at_(now) {}

void Progress::advance_to(std::uint64_t bytes, nanoseconds now) {
  state_.bytes = bytes;
  const auto since = now - drawn_at_;
  if (since < interval(output_)) return;
  const auto newest = average(bytes - std::min(drawn_bytes_, bytes), since);
  const bool is_first = state_.bytes_per_second == 0;
  state_.bytes_per_second =
      is_first ? newest : kNewestShare * newest + (1 - kNewestShare) * state_.bytes_per_second;
  drawn_bytes_ = bytes;
  drawn_at_ = now;
  draw(now);
}

void Progress::finish(nanoseconds now) {
  state_.bytes_per_second = average(state_.bytes, now - start_);
  state_.bytes_total = std::nullopt;
  draw(now);
  if (output_ == ProgressOutput::kTerminal) print_("\n");
}

void Progress::draw(nanoseconds now) {
  state_.elapsed = now - start_;
  const auto line = fmt::format("{}: {}", what_, to_string(state_));
  // "\x1b[K" erases what a longer line before left.
  const bool is_terminal = output_ == ProgressOutput::kTerminal;
  print_(is_terminal ? fmt::format("\r{}\x1b[K", line) : line + "\n");
}

}  // namespace sluice::base
