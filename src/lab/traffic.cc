#include "lab/traffic.h"

#include <utility>

#include "lab/pacer.h"

namespace sluice::lab {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 5ms;
constexpr auto kRetry = 200ms;

}  // namespace

Traffic::Traffic(World& world, Server& master, TrafficOptions options)
    : world_(world), master_(master), options_(options), workload_(options.workload) {}

rt::Task<void> Traffic::run(rt::Gate& until) {
  while (!until.is_closing()) {
    const auto ended = co_await drive(until);
    if (!ended) co_await until.sleep(kRetry);
  }
}

rt::Task<Result<>> Traffic::drive(rt::Gate& until) {
  auto& clock = world_.host().clock();
  CO_TRY(const auto client, co_await world_.connect(master_));
  Pacer pacer(options_.rate, kTick);
  const auto start = clock.now();
  while (!until.is_closing()) {
    if (!pacer.is_due(clock.now() - start)) {
      co_await until.sleep(start + pacer.next_due() - clock.now());
      continue;
    }
    const auto batch = pacer.take();
    std::vector<redis::Words> commands;
    for (std::uint64_t i = 0; i < batch.events; ++i) {
      for (auto& words : workload_.next()) commands.push_back(std::move(words));
    }
    if (commands.empty()) continue;
    CO_TRY(const auto replies, co_await client->pipeline(std::move(commands)));
    count(replies, clock.now() - start - batch.due);
  }
  co_return Result<>();
}

void Traffic::count(const std::vector<resp::Reply>& replies, rt::Duration latency) {
  latency_.record(latency, replies.size());
  answered_ += replies.size();
  for (const auto& reply : replies) {
    if (reply.is_error()) ++refused_;
  }
}

}  // namespace sluice::lab
