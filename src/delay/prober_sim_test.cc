#include <gtest/gtest.h>

#include "delay/prober.h"
#include "resp/command_reader.h"
#include "resp/writer.h"
#include "sim/machine.h"
#include "sim/network.h"
#include "sim/world.h"

namespace sluice::delay {
namespace {

using namespace std::chrono_literals;

// A master and a node behind it, which shows what is published `delay` later and in order.
class FakeChain {
 public:
  explicit FakeChain(sim::World& world)
      : world_(world),
        master_(*world.machine("master").boot().network().listen({"", 6379}, std::nullopt)),
        far_(*world.machine("far").boot().network().listen({"", 6379}, std::nullopt)) {
    world_.spawn(accept(*master_));
    world_.spawn(accept(*far_));
  }

  void close() {
    master_->close();
    far_->close();
  }

  void freeze() { is_frozen_ = true; }
  void thaw() {
    is_frozen_ = false;
    flush();
  }

  rt::Duration delay = 120ms;

 private:
  rt::Task<void> accept(rt::Listener& listener) {
    for (;;) {
      auto stream = co_await listener.accept();
      if (!stream) co_return;
      world_.spawn(serve(*std::move(stream)));
    }
  }

  rt::Task<void> serve(std::unique_ptr<rt::Stream> stream) {
    resp::CommandReader reader;
    std::array<char, 4096> chunk{};
    for (;;) {
      const auto count = co_await stream->read_some(chunk);
      if (!count) break;
      reader.feed({chunk.data(), *count});
      std::string answers;
      while (const auto command = *reader.next()) answer(*command, *stream, answers);
      (void)co_await stream->write(answers);
    }
    if (subscriber_ == stream.get()) subscriber_ = nullptr;
  }

  void answer(const resp::Command& command, rt::Stream& stream, std::string& out) {
    if (command[0] == "SUBSCRIBE") {
      subscriber_ = &stream;
      channel_ = command[1];
      resp::append_array(out, 3);
      resp::append_bulk(out, "subscribe");
      resp::append_bulk(out, command[1]);
      resp::append_integer(out, 1);
    } else if (command[0] == "PING" && command.size() == 1) {
      resp::append_simple(out, "PONG");
    } else if (command[0] == "PING") {
      resp::append_array(out, 2);
      resp::append_bulk(out, "pong");
      resp::append_bulk(out, command[1]);
    } else if (command[0] == "PUBLISH") {
      resp::append_integer(out, 0);
      world_.spawn(deliver(std::string(command[2])));
    } else if (command[0] == "INFO") {
      resp::append_bulk(out,
                        "role:master\r\nmaster_repl_offset:1000\r\nrepl_backlog_size:1000\r\n");
    } else {
      resp::append_array(out, 0);
    }
  }

  rt::Task<void> deliver(std::string message) {
    co_await world_.sleep(delay);
    resp::append_array(held_, 3);
    resp::append_bulk(held_, "message");
    resp::append_bulk(held_, channel_);
    resp::append_bulk(held_, message);
    if (!is_frozen_) flush();
  }

  void flush() {
    if (subscriber_ != nullptr) (void)subscriber_->write_now(held_);
    held_.clear();
  }

  sim::World& world_;
  std::unique_ptr<rt::Listener> master_;
  std::unique_ptr<rt::Listener> far_;
  rt::Stream* subscriber_ = nullptr;
  std::string channel_;
  std::string held_;  // what has come as far as the node, in order
  bool is_frozen_ = false;
};

class ProberSim : public ::testing::Test {
 protected:
  ProberSim() {
    world.network().set_link("prober", "master", {.latency = 5ms, .jitter = 0ms});
    world.network().set_link("prober", "far", {.latency = 50ms, .jitter = 0ms});
    auto& host = world.machine("prober").boot();
    const ShardSettings shard{.name = "",
                              .write = *base::parse_redis_url("redis://master"),
                              .watch = {"far=redis://far"}};
    Prober::Options options;
    options.alert = {.above = 1s, .below = 500ms, .raise_after = 0s, .lift_after = 1s};
    prober = *Prober::make(host, shard, options, metrics, base::Log::quiet());
    world.spawn(run());
  }
  ~ProberSim() override {
    prober->stop();
    chain.close();
    world.run_for(1min);
    EXPECT_TRUE(has_ended);
  }

  rt::Task<void> run() {
    co_await prober->run();
    has_ended = true;
  }
  NodeReport far() const { return prober->report().nodes.front(); }

  sim::World world{1};
  FakeChain chain{world};
  base::Metrics metrics;
  std::unique_ptr<Prober> prober;
  bool has_ended = false;
};

TEST_F(ProberSim, MeasuresTheChainAndNotTheWaysThereAndBack) {
  world.run_for(10s);
  const auto node = far();
  EXPECT_GT(node.delay.count, 80U);
  EXPECT_EQ(node.missed, 0U);
  EXPECT_GE(node.delay.p50, 119ms);
  EXPECT_LE(node.delay.p50, 122ms);
  EXPECT_LE(node.delay.p99, 122ms);
  EXPECT_GE(*node.round_trip, 100ms);
  EXPECT_TRUE(node.is_reached);
  EXPECT_FALSE(node.is_alert);
  EXPECT_EQ(node.lag_bytes, 0U);
}

TEST_F(ProberSim, RaisesOneAlertWhileTheChainIsFrozenAndLiftsItOnce) {
  world.run_for(5s);
  chain.freeze();
  world.run_for(900ms);
  EXPECT_FALSE(far().is_alert);
  world.run_for(5s);
  EXPECT_TRUE(far().is_alert);
  EXPECT_GT(*far().age, 5s);
  chain.thaw();
  world.run_for(900ms);
  EXPECT_TRUE(far().is_alert) << "not calm for long enough";
  world.run_for(1s);
  EXPECT_FALSE(far().is_alert);
  EXPECT_EQ(far().alerts, 1U);
  EXPECT_EQ(far().missed, 0U);
  EXPECT_GT(far().delay.max, 5s);
}

TEST_F(ProberSim, FindsItsWayBackToANodeThatWasCutOff) {
  world.run_for(5s);
  world.network().reset("prober", "far");
  world.network().cut("prober", "far");
  world.run_for(20s);
  EXPECT_TRUE(far().is_alert);
  EXPECT_FALSE(far().is_reached);
  EXPECT_NE(far().failure, "");
  world.network().heal("prober", "far");
  world.run_for(20s);
  EXPECT_TRUE(far().is_reached);
  EXPECT_FALSE(far().is_alert);
  EXPECT_GT(far().missed, 100U);
}

TEST_F(ProberSim, GoesOnWithAMasterThatWasCutOff) {
  world.run_for(5s);
  world.network().reset("prober", "master");
  world.network().cut("prober", "master");
  world.run_for(20s);
  EXPECT_FALSE(prober->report().is_writable);
  EXPECT_TRUE(far().is_alert) << "nobody knows what the node lacks";
  world.network().heal("prober", "master");
  world.run_for(20s);
  EXPECT_TRUE(prober->report().is_writable);
  EXPECT_FALSE(far().is_alert);
}

}  // namespace
}  // namespace sluice::delay
