// How far a long operation is, for people: a line redrawn on a terminal, plain lines in a pipe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::base {

// `1.2 GiB of 4.0 GiB  30%  120.0 MiB/s  24s left`, or without a total `1.2 GiB  120.0 MiB/s`.
struct ProgressState {
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> bytes_total;
  std::chrono::nanoseconds elapsed{0};
  double bytes_per_second = 0;
};
std::string to_string(const ProgressState& state);

enum class ProgressOutput : std::uint8_t { kTerminal, kPipe };

// Draws through `print`, at most ten times a second on a terminal and once in five in a pipe.
class Progress {
 public:
  using Print = std::function<void(std::string_view)>;

  // `what` leads each line: "export". Times are since any fixed instant.
  Progress(std::string what, ProgressOutput output, std::chrono::nanoseconds now, Print print);

  void set_total(std::uint64_t bytes) { state_.bytes_total = bytes; }
  void advance_to(std::uint64_t bytes, std::chrono::nanoseconds now);

  // The last line, with the average rate. Leaves the terminal at a new line.
  void finish(std::chrono::nanoseconds now);

 private:
  void draw(std::chrono::nanoseconds now);

  std::string what_;
  ProgressOutput output_;
  std::chrono::nanoseconds start_;
  Print print_;
  ProgressState state_;
  std::chrono::nanoseconds drawn_at_;
  std::uint64_t drawn_bytes_ = 0;
};

}  // namespace sluice::base
