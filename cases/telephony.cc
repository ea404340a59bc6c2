#include "cases/telephony.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "lab/pacer.h"

namespace sluice::cases {
namespace {

using namespace std::chrono_literals;
using redis::Words;

constexpr auto kRetry = 50ms;
constexpr std::size_t kShown = 5;  // of what is wrong
constexpr std::int64_t kSecondsBilled = 7;

std::string milliseconds(std::int64_t time) {
  return std::to_string(time);
}

Result<> no_error(const std::vector<resp::Reply>& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return fail(Errc::kRejected, reply.text);
  }
  return {};
}

}  // namespace

std::uint64_t Books::busiest_window() const {
  const auto window = std::chrono::duration_cast<std::chrono::milliseconds>(kLimitWindow).count();
  std::uint64_t most = 0;
  for (auto [account, times] : accepted) {
    std::ranges::sort(times);
    std::size_t first = 0;
    for (std::size_t last = 0; last < times.size(); ++last) {
      while (times[last] - times[first] >= window) ++first;
      most = std::max<std::uint64_t>(most, last - first + 1);
    }
  }
  return most;
}

rt::Task<void> Office::run(rt::Gate& until) {
  while (!until.is_closing()) {
    const auto ended = co_await serve(until);
    if (!ended) co_await until.sleep(kRetry);
  }
}

rt::Task<Result<>> Office::serve(rt::Gate& until) {
  auto& clock = world_.host().clock();
  const lab::Server* const master = master_;
  CO_TRY(const auto client, co_await world_.connect(*master_));
  const auto pause = std::chrono::duration_cast<rt::Duration>(
      std::chrono::duration<double>(1.0 / options_.calls_per_second));
  auto due = clock.now();
  while (!until.is_closing() && master == master_) {
    const std::set<std::string> homes = homes_;
    for (const auto& home : homes) {
      CO_TRY_VOID(co_await call(*client, home));
      const auto now = clock.now();
      if (served_ != rt::Instant{})
        longest_wait_ =
            std::max(longest_wait_, std::chrono::duration<double>(now - served_).count());
      served_ = now;
      CO_TRY_VOID(co_await answer_one(*client, home));
    }
    due = std::max(due + pause, clock.now());
    co_await until.sleep(due - clock.now());
  }
  co_return Result<>();
}

rt::Task<Result<>> Office::call(redis::Client& client, std::string home) {
  const auto number = ++made_;
  const std::string account =
      fmt::format("{}-{}", home, world_.host().random() % options_.accounts);
  const std::string id = fmt::format("{}-{}", options_.home, number);
  CO_TRY(const bool may_call, co_await is_within_limit(client, account, id));
  if (!may_call) {
    ++books_.refused;
    co_return Result<>();
  }
  co_return co_await ring(client, std::move(home), account, id);
}

// The window of an account as each region knows it: what others let through counts once it is here.
rt::Task<Result<bool>> Office::is_within_limit(redis::Client& client, std::string account,
                                               std::string id) {
  const auto now = world_.host().clock().wall_ms();
  const auto window = std::chrono::duration_cast<std::chrono::milliseconds>(kLimitWindow).count();
  const std::string key = "limit:" + account;
  std::vector<Words> asked{
      {"MULTI"},
      {"ZREMRANGEBYSCORE", key, "-inf", milliseconds(now - window)},
      {"ZADD", key, milliseconds(now), id},
      {"ZCARD", key},
      {"PEXPIRE", key, milliseconds(2 * window)},
      {"EXEC"},
  };
  CO_TRY(const auto replies, co_await client.pipeline(std::move(asked)));
  CO_TRY_VOID(no_error(replies));
  const auto& results = replies.back().elements;
  if (results.size() != 4) co_return fail(Errc::kProtocol, "EXEC: unexpected answer");
  if (results[2].integer <= static_cast<std::int64_t>(kLimit)) {
    books_.accepted[account].push_back(now);
    co_return true;
  }
  Words undo{"ZREM", key, id};
  CO_TRY_VOID(co_await client.need(std::move(undo)));
  co_return false;
}

rt::Task<Result<>> Office::ring(redis::Client& client, std::string home, std::string account,
                                std::string id) {
  auto& book = books_.calls[id];
  auto& total = books_.counters[options_.total];
  auto& billed = books_.counters["billed:" + account];
  book.is_sure = false;
  ++total.unsure;
  billed.unsure += kSecondsBilled;
  std::vector<Words> commands{
      {"MULTI"},
      {"HSET", "call:" + id, "state", "ringing", "account", account, "served-by", options_.home},
      {"RPUSH", "queue:" + home, id},
      {"INCR", options_.total},
      {"INCRBY", "billed:" + account, std::to_string(kSecondsBilled)},
      {"EXEC"},
  };
  CO_TRY(const auto replies, co_await client.pipeline(std::move(commands)));
  --total.unsure;
  billed.unsure -= kSecondsBilled;
  const auto done = no_error(replies);
  if (!done) {  // refused: nothing of it was done
    books_.calls.erase(id);
    co_return done;
  }
  book = {.state = "ringing", .is_sure = true, .was_queued = true};
  ++total.sure;
  billed.sure += kSecondsBilled;
  co_return Result<>();
}

// False: nobody waits. A call is on the desk from when it leaves the queue until it is over: if the answer to the LMOVE
// does not come, it is still to be found.
rt::Task<Result<bool>> Office::answer_one(redis::Client& client, std::string home) {
  Words move{"LMOVE", "queue:" + home, "desk:" + home, "LEFT", "RIGHT"};
  CO_TRY(const auto moved, co_await client.need(std::move(move)));
  if (moved.is_null()) co_return false;
  CO_TRY_VOID(co_await answer(client, home, moved.text));
  co_return true;
}

rt::Task<Result<>> Office::answer(redis::Client& client, std::string home, std::string id) {
  if (!books_.answered.insert(id).second) ++books_.answered_twice;
  CO_TRY_VOID(co_await change(client, id, "in progress"));
  CO_TRY_VOID(co_await change(client, id, "hung up"));
  Words done{"LREM", "desk:" + home, "1", id};
  CO_TRY_VOID(co_await client.need(std::move(done)));
  co_return Result<>();
}

rt::Task<Result<>> Office::change(redis::Client& client, std::string id, std::string state) {
  auto& book = books_.calls[id];
  const bool was_sure = std::exchange(book.is_sure, false);
  Words words{"HSET", "call:" + id, "state", state};
  CO_TRY(const auto reply, co_await client.call(std::move(words)));
  if (reply.is_error()) {
    book.is_sure = was_sure;
    co_return fail(Errc::kRejected, reply.text);
  }
  book.state = std::move(state);
  book.is_sure = true;
  co_return Result<>();
}

rt::Task<Result<>> Office::drain(std::string home) {
  CO_TRY(const auto client, co_await world_.connect(*master_));
  for (;;) {
    CO_TRY(const bool was_waiting, co_await answer_one(*client, home));
    if (!was_waiting) break;
  }
  Words left{"LRANGE", "desk:" + home, "0", "-1"};
  CO_TRY(const auto desk, co_await client->need(std::move(left)));
  for (const auto& call : desk.elements) CO_TRY_VOID(co_await answer(*client, home, call.text));
  co_return Result<>();
}

rt::Task<Result<std::vector<std::string>>> compare(lab::World& world, lab::Server& master,
                                                   const Books& books) {
  std::vector<std::string> wrong;
  const auto note = [&wrong](std::string what) {
    if (wrong.size() < kShown) wrong.push_back(std::move(what));
  };
  CO_TRY(const auto client, co_await world.connect(master));
  for (const auto& [key, count] : books.counters) {
    Words words{"GET", key};
    CO_TRY(const auto reply, co_await client->need(std::move(words)));
    const auto value = reply.is_null() ? 0 : std::stoll(reply.text);
    if (value < count.sure || value > count.sure + count.unsure) {
      note(fmt::format("{} is {}, not {} (and at most {} more)", key, value, count.sure,
                       count.unsure));
    }
  }
  for (const auto& [id, book] : books.calls) {
    if (book.state.empty()) continue;
    Words words{"HGET", "call:" + id, "state"};
    CO_TRY(const auto reply, co_await client->need(std::move(words)));
    if (reply.is_null()) note("call " + id + " is lost");
    if (book.is_sure && !reply.is_null() && reply.text != book.state) {
      note(fmt::format("call {} is '{}', not '{}'", id, reply.text, book.state));
    }
    if (book.was_queued && !books.answered.contains(id)) note("call " + id + " was never answered");
  }
  co_return wrong;
}

}  // namespace sluice::cases
