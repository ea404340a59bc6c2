#include "rt/cores.h"

#include <asio/basic_signal_set.hpp>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <csignal>
#include <exception>
#include <pthread.h>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"

namespace sluice::rt {

namespace {

void run_loop(Loop& loop) {
  const auto guard = asio::make_work_guard(loop);
  loop.run();
}

}  // namespace

struct Cores::Signals {
  Signals(Loop& loop, std::initializer_list<int> numbers, std::function<void(int)> call)
      : set(loop), called(std::move(call)) {
    for (const int number : numbers) set.add(number);
    await();
  }

  void await() {
    set.async_wait([this](const asio::error_code& aborted, int number) {
      if (aborted) return;
      called(number);
      await();
    });
  }

  asio::basic_signal_set<Loop::executor_type> set;
  std::function<void(int)> called;
};

Cores::Cores(std::size_t count) {
  CHECK(count > 0);
  ::signal(SIGPIPE, SIG_IGN);
  for (std::size_t i = 0; i < count; ++i) hosts_.push_back(std::make_unique<AsioHost>(lanes_));
}

Cores::~Cores() = default;

void Cores::on_stop_signal(std::function<void(int signal)> stop) {
  const auto numbers = {SIGINT, SIGTERM};
  signals_ = std::make_unique<Signals>(hosts_[0]->loop(), numbers, std::move(stop));
}

void Cores::on_reload_signal(std::function<void()> reload) {
  const auto numbers = {SIGHUP};
  reload_signals_ = std::make_unique<Signals>(hosts_[0]->loop(), numbers,
                                              [reload = std::move(reload)](int) { reload(); });
}

void Cores::run() {
  std::vector<std::thread> threads;
  threads.reserve(hosts_.size());
  for (std::size_t i = 1; i < hosts_.size(); ++i) {
    threads.emplace_back([this, i] {
      ::pthread_setname_np(::pthread_self(), ("core-" + std::to_string(i)).c_str());
      run_loop(hosts_[i]->loop());
    });
  }
  run_loop(hosts_[0]->loop());
  for (auto& thread : threads) thread.join();
}

void Cores::run_until_ended(Task<void> main) {
  asio::co_spawn(hosts_[0]->loop(), std::move(main), [this](const std::exception_ptr& failure) {
    CHECK(!failure);
    stop();
  });
  run();
}

void Cores::stop() {
  for (auto& host : hosts_) host->loop().stop();
}

}  // namespace sluice::rt
