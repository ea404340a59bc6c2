#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "keeper/published.h"
#include "replog/archive_world_test.h"
#include "rt/gate.h"

namespace sluice::keeper {
namespace {

using namespace std::chrono_literals;
using replog::command;

using Message = std::pair<std::string, std::string>;
using Messages = std::vector<Message>;

// A log that grows, and somebody who subscribes.
class PublishedWorld {
 public:
  PublishedWorld() : at(1) {
    CHECK(at.open_with_snapshot({replog::replid('a'), repl::Offset{1000}}, "snapshot"));
    auto& host = *at.machine().host();
    changed.emplace(host.loop(), host.clock());
    gate.emplace(host);
    PublishedHooks hooks{
        .active_log = [this] { return at.archive->active(); },
        .is_wanted = [this] { return is_wanted; },
        .deliver = [this](auto channel, auto message) { messages.emplace_back(channel, message); }};
    published.emplace(host, *changed, std::move(hooks));
  }
  ~PublishedWorld() {
    published->stop();
    changed->notify_all();
    gate->close();
    CHECK(at.world.run_until([this] { return gate->running() == 0; }, 1h));
    published.reset();
    gate.reset();
    changed.reset();
  }

  void subscribe() {
    is_wanted = true;
    if (published->begin()) gate->spawn(published->run());
  }
  void append(const std::string& bytes) {
    CHECK(at.run(at.log().append(bytes)));
    at.world.run_for(1s);
  }

  replog::ArchiveWorld at;
  std::optional<rt::Event> changed;
  std::optional<rt::Gate> gate;
  std::optional<Published> published;
  bool is_wanted = false;
  Messages messages;
};

TEST(MayPublish, FindsTheCommandInAnyCaseAndNothingShorter) {
  EXPECT_TRUE(may_publish(command({"PUBLISH", "a", "b"})));
  EXPECT_TRUE(may_publish("x" + command({"SET", "a", "b"}) + command({"pUbLiSh", "a", "b"})));
  EXPECT_FALSE(may_publish(command({"SET", "PUBLISH", "b"}).substr(0, 20)));
  EXPECT_FALSE(may_publish(command({"PEXPIRE", "a", "1"})));
  EXPECT_FALSE(may_publish("$7\r\npublis"));
  EXPECT_FALSE(may_publish(""));
}

TEST(Published, PassesOnWhatComesAfterTheSubscription) {
  PublishedWorld world;
  world.append(command({"PUBLISH", "news", "early"}));
  world.subscribe();
  world.append(command({"SET", "k", "v"}) + command({"publish", "news", "one"}));
  world.append(command({"PUBLISH", "other", "two"}) + command({"SET", "k", "v"}));
  EXPECT_EQ(world.messages, (Messages{{"news", "one"}, {"other", "two"}}));
}

TEST(Published, WaitsForTheRestOfAMessage) {
  PublishedWorld world;
  const auto whole = command({"PUBLISH", "news", "in two pieces"});
  world.append(whole.substr(0, 12));
  world.subscribe();
  EXPECT_TRUE(world.messages.empty());
  world.append(whole.substr(12));
  EXPECT_EQ(world.messages, (Messages{{"news", "in two pieces"}}));
}

TEST(Published, CountsMessagesThatAreTooLongAndGoesOn) {
  PublishedWorld world;
  world.subscribe();
  const std::string longest(Published::kMessageBytesMax, 'x');
  world.append(command({"PUBLISH", "news", longest}));
  world.append(command({"PUBLISH", "news", longest + "x"}) + command({"PUBLISH", "news", "short"}));
  ASSERT_EQ(world.messages.size(), 2U);
  EXPECT_EQ(world.messages[0].second, longest);
  EXPECT_EQ(world.messages[1].second, "short");
  EXPECT_EQ(world.published->too_long(), 1U);
}

TEST(Published, RestsWhileNobodySubscribesAndBeginsAnew) {
  PublishedWorld world;
  world.subscribe();
  world.is_wanted = false;
  world.append(command({"PUBLISH", "news", "one"}));
  EXPECT_EQ(world.gate->running(), 0U);
  world.messages.clear();
  world.append(command({"PUBLISH", "news", "two"}));
  world.subscribe();
  world.append(command({"PUBLISH", "news", "three"}));
  EXPECT_EQ(world.messages, (Messages{{"news", "three"}}));
}

TEST(Published, GoesOnInAnotherLineage) {
  PublishedWorld world;
  world.subscribe();
  const repl::Position other{replog::replid('b'), repl::Offset{50}};
  CHECK(world.at.run(world.at.load(other, "other")));
  world.changed->notify_all();
  world.at.world.run_for(2s);
  world.append(command({"PUBLISH", "news", "of another history"}));
  EXPECT_EQ(world.messages, (Messages{{"news", "of another history"}}));
}

// Commands that look alike, in pieces of any size: each message once and in order.
RC_GTEST_PROP(PublishedProp, PassesOnEachMessageOnceAndInOrder, ()) {
  Messages expected;
  std::string stream;
  bool is_in_multi = false;
  const auto kinds = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 8));
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto number = std::to_string(i);
    if (kinds[i] < 3) {
      stream += command({kinds[i] == 0 ? "PUBLISH" : "publish", "news", number});
      expected.emplace_back("news", number);
    } else if (kinds[i] == 3) {
      stream += command({"SET", number, command({"PUBLISH", "news", "not one"})});
    } else if (kinds[i] == 4) {
      stream += command({is_in_multi ? "EXEC" : "MULTI"});
      is_in_multi = !is_in_multi;
    } else if (kinds[i] == 5) {
      stream += command({"SET", number, std::string(i * 1000, 'v')});
    } else if (kinds[i] == 6) {
      stream += command({"SELECT", std::to_string(i % 16)});
    } else {
      stream += "\n" + command({"PUBLISH", "wrong"});
    }
  }
  PublishedWorld world;
  world.subscribe();
  while (!stream.empty()) {
    const auto count = *rc::gen::inRange<std::size_t>(1, stream.size() + 1);
    world.append(stream.substr(0, count));
    stream.erase(0, count);
  }
  RC_ASSERT(world.messages == expected);
}

}  // namespace
}  // namespace sluice::keeper
