#include <deque>
#include <gtest/gtest.h>

#include "redis/client.h"
#include "resp/command_reader.h"
#include "sim/machine.h"
#include "sim/world.h"

namespace sluice::redis {
namespace {

using namespace std::chrono_literals;

// Answers each command with the next of `replies`, and falls silent when there are none.
rt::Task<void> serve(rt::Listener& listener, std::deque<std::string> replies,
                     std::vector<std::string>& asked) {
  auto stream = co_await listener.accept();
  if (!stream) co_return;
  resp::CommandReader reader;
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto count = co_await (*stream)->read_some(chunk);
    if (!count) co_return;
    reader.feed({chunk.data(), *count});
    while (const auto command = *reader.next()) {
      std::string words;
      for (const auto word : *command) words += std::string(word) + " ";
      asked.push_back(words);
      if (replies.empty()) continue;
      const std::string reply = replies.front();
      replies.pop_front();
      (void)co_await (*stream)->write(reply);
    }
  }
}

class ClientSim : public ::testing::Test {
 protected:
  sim::World world{1};
  sim::Host& server = world.machine("server").boot();
  sim::Host& host = world.machine("client").boot();
  std::unique_ptr<rt::Listener> listener = *server.network().listen({"", 6379}, std::nullopt);
  std::vector<std::string> asked;
  std::unique_ptr<Client> client;
  std::optional<Error> failure;

  ~ClientSim() override {
    client.reset();
    listener->close();
    world.run_for(1min);
  }

  void connect(std::deque<std::string> replies, const std::string& url = "redis://server:6379") {
    world.spawn(serve(*listener, std::move(replies), asked));
    world.spawn(connect_to(*base::parse_redis_url(url)));
    world.run_for(1s);
  }

  rt::Task<void> connect_to(base::RedisUrl url) {
    ClientOptions options;
    auto made = co_await Client::connect(host, std::move(url), std::move(options));
    if (made) {
      client = *std::move(made);
    } else {
      failure = made.error();
    }
  }

  rt::Task<void> call(Words words, std::optional<Result<resp::Reply>>& outcome) {
    outcome = co_await client->call(std::move(words));
  }
};

TEST_F(ClientSim, LogsInAsAnAclUserBeforeAnythingElse) {
  connect({"+OK\r\n"}, "redis://ann:secret@server:6379");
  ASSERT_TRUE(client);
  EXPECT_EQ(asked, std::vector<std::string>{"AUTH ann secret "});
}

TEST_F(ClientSim, IsRejectedWithTheServersWordsIfItsPasswordIsWrong) {
  connect({"-WRONGPASS invalid\r\n"}, "redis://:secret@server:6379");
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, Errc::kRejected);
  EXPECT_EQ(failure->detail, "AUTH: WRONGPASS invalid");
}

TEST_F(ClientSim, AnswersTasksThatCallAtOnceInTheirOrder) {
  connect({":1\r\n", ":2\r\n", "-ERR three\r\n"});
  std::optional<Result<resp::Reply>> first;
  std::optional<Result<resp::Reply>> second;
  std::optional<Result<resp::Reply>> third;
  world.spawn(call({"ONE"}, first));
  world.spawn(call({"TWO"}, second));
  world.spawn(call({"THREE"}, third));
  world.run_for(1s);
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ((*first)->integer, 1);
  EXPECT_EQ((*second)->integer, 2);
  EXPECT_TRUE((*third)->is_error()) << "an error of Redis is a reply";
  EXPECT_EQ(asked.size(), 3U);
}

TEST_F(ClientSim, GivesUpAfterItsTimeAndStaysGone) {
  connect({":1\r\n"});
  std::optional<Result<resp::Reply>> answered;
  std::optional<Result<resp::Reply>> late;
  std::optional<Result<resp::Reply>> behind_it;
  world.spawn(call({"ONE"}, answered));
  world.run_for(1s);
  world.spawn(call({"TWO"}, late));
  world.spawn(call({"THREE"}, behind_it));
  world.run_for(9s);
  EXPECT_FALSE(late);
  world.run_for(2s);
  ASSERT_TRUE(late && behind_it);
  EXPECT_TRUE(*answered);
  EXPECT_EQ(late->error().code, Errc::kTimedOut);
  EXPECT_EQ(behind_it->error().code, Errc::kTimedOut);
  std::optional<Result<resp::Reply>> after;
  world.spawn(call({"FOUR"}, after));
  world.run_for(1ms);
  ASSERT_TRUE(after);
  EXPECT_FALSE(*after);
}

TEST_F(ClientSim, FailsAllWhoWaitWhenTheServerBreaksTheProtocol) {
  connect({"what?\r\n"});
  std::optional<Result<resp::Reply>> first;
  std::optional<Result<resp::Reply>> second;
  world.spawn(call({"ONE"}, first));
  world.spawn(call({"TWO"}, second));
  world.run_for(1s);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->error().code, Errc::kProtocol);
  EXPECT_EQ(second->error().code, Errc::kProtocol);
}

}  // namespace
}  // namespace sluice::redis
