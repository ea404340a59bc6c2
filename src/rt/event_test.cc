#include "rt/event.h"

#include "rt/core_test.h"

namespace sluice::rt {
namespace {

using namespace std::chrono_literals;

class EventTest : public CoreTest {
 protected:
  Event event{host.loop(), host.clock()};
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

TEST_F(EventTest, AGateStartsATaskAfterItsCallerReturned) {
  bool has_started = false;
  const auto child = [](bool& started) -> Task<void> {
    started = true;
    co_return;
  };
  const auto main = [](Gate& g, auto start, bool& started) -> Task<void> {
    g.spawn(start(started));
    EXPECT_FALSE(started);
    co_return;
  };
  run(main(gate, child, has_started));
  EXPECT_TRUE(has_started);
}

}  // namespace
}  // namespace sluice::rt
