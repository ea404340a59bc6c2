#include "rt/asio_clock.h"

#include "rt/core_test.h"
#include "rt/event.h"
#include "rt/message.h"

namespace sluice::rt {
namespace {

using namespace std::chrono_literals;

using AsioClockTest = CoreTest;

TEST_F(AsioClockTest, CallsInTheOrderOfTheInstants) {
  std::vector<int> order;
  const auto main = [](Host& h, std::vector<int>& seen) -> Task<void> {
    auto& clock = h.clock();
    const auto start = clock.now();
    clock.call_at(start + 3ms, [&seen] { seen.push_back(3); });
    clock.call_at(start + 1ms, [&seen] { seen.push_back(1); });
    clock.call_at(start + 1ms, [&seen] { seen.push_back(2); });
    const auto never = clock.call_at(start + 2ms, [&seen] { seen.push_back(0); });
    clock.cancel(never);
    clock.cancel(never);
    clock.call_at(Instant{start.since_start - 1s}, [&seen] { seen.push_back(-1); });
    EXPECT_TRUE(seen.empty()) << "never before the call returns";
    co_await sleep(h, 4ms);
    EXPECT_GE(clock.now() - start, 4ms);
  };
  run(main(host, order));
  EXPECT_EQ(order, (std::vector<int>{-1, 1, 2, 3}));
}

TEST_F(AsioClockTest, ACallbackMayCancelAndAdd) {
  std::vector<int> order;
  const auto main = [](Host& h, std::vector<int>& seen) -> Task<void> {
    auto& clock = h.clock();
    const auto now = clock.now();
    const auto doomed = clock.call_at(now + 1ms, [&seen] { seen.push_back(0); });
    clock.call_at(now, [&] {
      clock.cancel(doomed);
      clock.call_at(now, [&seen] { seen.push_back(1); });
    });
    co_await sleep(h, 3ms);
  };
  run(main(host, order));
  EXPECT_EQ(order, std::vector<int>{1});
}

TEST(Message, RunsATaskOnAnotherCore) {
  Cores cores(2);
  Gate gate(cores.host(0));
  std::thread::id seen;
  std::function<Task<void>()> there = [&]() -> Task<void> {
    seen = std::this_thread::get_id();
    co_await sleep(cores.host(1), 1ms);
  };
  const auto main = [](Cores& all, std::function<Task<void>()> begin) -> Task<void> {
    const auto home = std::this_thread::get_id();
    co_await run_on(all.host(0), all.host(1), std::move(begin));
    EXPECT_EQ(std::this_thread::get_id(), home);
    all.stop();
  };
  gate.spawn(main(cores, there));
  cores.run();
  EXPECT_NE(seen, std::this_thread::get_id());
  EXPECT_NE(seen, std::thread::id());
}

TEST(CoresTest, TurnASignalIntoACall) {
  Cores cores(1);
  int signal = 0;
  cores.on_stop_signal([&](int number) {
    signal = number;
    cores.stop();
  });
  post(cores.host(0), [] { ::raise(SIGTERM); });
  cores.run();
  EXPECT_EQ(signal, SIGTERM);
}

}  // namespace
}  // namespace sluice::rt
