#include "base/progress.h"

#include <gtest/gtest.h>

namespace sluice::base {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMiB = 1 << 20;

TEST(Progress, ShowsShareRateAndTimeLeft) {
  const ProgressState state{.bytes = 100 * kMiB,
                            .bytes_total = 400 * kMiB,
                            .elapsed = 3s,
                            .bytes_per_second = 10.0 * kMiB};
  EXPECT_EQ(to_string(state), "100.0 MiB of 400.0 MiB  25%  10.0 MiB/s  30s left");
}

TEST(Progress, LeavesOutWhatIsUnknown) {
  EXPECT_EQ(to_string(ProgressState{.bytes = 5, .bytes_total = {}}), "5 B  0 B/s");
  EXPECT_EQ(to_string(ProgressState{.bytes = 0, .bytes_total = 0}), "0 B of 0 B  0%  0 B/s");
  const ProgressState stalled{
      .bytes = 5, .bytes_total = ~0ULL, .elapsed = 1s, .bytes_per_second = 0.001};
  EXPECT_EQ(to_string(stalled).find("left"), std::string::npos);
}

TEST(Progress, StaysWithinTheWholeWhenThereIsMoreThanExpected) {
  const ProgressState state{.bytes = 300, .bytes_total = 200, .elapsed = 1s, .bytes_per_second = 1};
  EXPECT_EQ(to_string(state), "300 B of 200 B  100%  1 B/s  0s left");
}

struct Drawing {
  std::string text;
  Progress progress;

  explicit Drawing(ProgressOutput output)
      : progress("export", output, 0s, [this](std::string_view more) { text += more; }) {}
};

TEST(Progress, IsRedrawnOnATerminalTenTimesASecond) {
  Drawing drawing(ProgressOutput::kTerminal);
  drawing.progress.advance_to(1, 99ms);
  EXPECT_EQ(drawing.text, "");
  drawing.progress.advance_to(kMiB, 100ms);
  EXPECT_EQ(drawing.text, "\rexport: 1.0 MiB  10.0 MiB/s\x1b[K");
  drawing.text.clear();
  drawing.progress.finish(1s);
  EXPECT_EQ(drawing.text, "\rexport: 1.0 MiB  1.0 MiB/s\x1b[K\n");
}

TEST(Progress, IsAPlainLineNowAndThenInAPipe) {
  Drawing drawing(ProgressOutput::kPipe);
  drawing.progress.advance_to(1, 4999ms);
  drawing.progress.advance_to(10 * kMiB, 5s);
  drawing.progress.advance_to(11 * kMiB, 5100ms);
  drawing.progress.finish(11s);
  EXPECT_EQ(drawing.text, "export: 10.0 MiB  2.0 MiB/s\nexport: 11.0 MiB  1.0 MiB/s\n");
}

}  // namespace
}  // namespace sluice::base
