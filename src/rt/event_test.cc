#include "rt/event.h"

#include <gtest/gtest.h>

#include "rt/cores.h"
#include "rt/gate.h"

namespace sluice::rt {
namespace {

using namespace std::chrono_literals;

class EventTest : public ::testing::Test {
 protected:
  Cores cores{1};
  Host& host = cores.host(0);
  Event event{host.loop(), host.clock()};
  Gate gate{host};

  void run(Task<void> task) {
    gate.spawn(std::move(task));
    gate.spawn(stop_at_end());
    cores.run();
  }
  Task<void> stop_at_end() {
    while (gate.running() > 1) co_await sleep(host, 1ms);
    cores.stop();
  }
};

TEST_F(EventTest, WakesAllWhoWait) {
  int woken = 0;
  const auto waiter = [](Event& e, int& count) -> Task<void> {
    co_await e.wait();
    ++count;
  };
  gate.spawn(waiter(event, woken));
  gate.spawn(waiter(event, woken));
  const auto notifier = [](Event& e, int& count) -> Task<void> {
    e.notify_all();
    EXPECT_EQ(count, 0) << "they run after the caller's next suspension";
    co_return;
  };
  run(notifier(event, woken));
  EXPECT_EQ(woken, 2);
}

TEST_F(EventTest, TellsWhetherTheDeadlinePassed) {
  const auto main = [](Host& h, Event& e) -> Task<void> {
    EXPECT_FALSE(co_await e.wait_until(h.clock().now() + 1ms));
    h.clock().call_at(h.clock().now(), [&e] { e.notify_all(); });
    EXPECT_TRUE(co_await e.wait_until(h.clock().now() + 1h));
  };
  run(main(host, event));
}

TEST_F(EventTest, AClosingGateCutsSleepShort) {
  const auto main = [](Gate& g) -> Task<void> {
    EXPECT_TRUE(co_await g.sleep(1ms));
    g.close();
    EXPECT_FALSE(co_await g.sleep(1h));
  };
  const auto sleeper = [](Gate& g) -> Task<void> { EXPECT_FALSE(co_await g.sleep(1h)); };
  gate.spawn(sleeper(gate));
  run(main(gate));
}

}  // namespace
}  // namespace sluice::rt
