// The load generator: SETs over a key space at a fixed offered rate, latency from when each was due.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <deque>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <vector>

#include "lab/pacer.h"
#include "wire.h"
#include "workers.h"

namespace sluice::bench {
namespace {

constexpr std::uint64_t kOutstandingMax = 4'000'000;
constexpr auto kTick = std::chrono::milliseconds(1);

struct Sent {
  double due;
  std::uint64_t count;
};

struct Connection {
  Fd fd;
  std::string unsent;
  std::deque<Sent> waiting;  // oldest first
};

// xorshift: cheap, and the same keys in every run.
class Random {
 public:
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  std::uint64_t state_ = 0x9E3779B97F4A7C15ULL;
};

class Load {
 public:
  Load(const LoadOptions& options, LoadStats& stats)
      : options_(options), stats_(stats), value_(options.value_bytes, 'v') {
    for (std::uint32_t i = 0; i < options.connections; ++i) {
      auto fd = connect_to(options.port, {});
      if (!fd) die("connect to the master");
      set_nonblocking(*fd);
      connections_.push_back(Connection{std::move(*fd), {}, {}});
      polled_.push_back({connections_.back().fd.get(), POLLIN, 0});
    }
  }

  void run() {
    lab::Pacer pacer(options_.rate, kTick);
    const double start = seconds_now();
    while (!stats_.stop) {
      const double now = seconds_now();
      const auto since = std::chrono::nanoseconds(static_cast<std::int64_t>((now - start) * 1e9));
      while (pacer.is_due(since)) {
        const auto batch = pacer.take();
        offer(batch.events, start + std::chrono::duration<double>(batch.due).count());
      }
      send_all();
      const double due = start + std::chrono::duration<double>(pacer.next_due()).count();
      wait(due - seconds_now());
    }
  }

 private:
  // One batch goes to one connection, the next to the next.
  void offer(std::uint64_t count, double due) {
    if (count == 0 || outstanding_ + count > kOutstandingMax) return;
    auto& connection = connections_[turn_++ % connections_.size()];
    for (std::uint64_t i = 0; i < count; ++i) append_set(connection.unsent);
    connection.waiting.push_back({due, count});
    outstanding_ += count;
  }

  void append_set(std::string& out) {
    char command[96];
    const auto key = random_.next() % options_.keys;
    char name[24];
    const int name_bytes =
        std::snprintf(name, sizeof name, "key:%llu", static_cast<unsigned long long>(key));
    const int bytes =
        std::snprintf(command, sizeof command, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%zu\r\n",
                      name_bytes, name, value_.size());
    out.append(command, static_cast<std::size_t>(bytes));
    out.append(value_);
    out.append("\r\n");
  }

  void send_all() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      auto& unsent = connections_[i].unsent;
      if (unsent.empty()) continue;
      const auto sent = send(connections_[i].fd.get(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
      if (sent > 0) unsent.erase(0, static_cast<std::size_t>(sent));
      polled_[i].events = static_cast<short>(unsent.empty() ? POLLIN : POLLIN | POLLOUT);
    }
  }

  void wait(double seconds) {
    timespec time{};
    if (seconds > 0) time.tv_nsec = static_cast<long>(seconds * 1e9);
    if (ppoll(polled_.data(), polled_.size(), &time, nullptr) <= 0) return;
    for (std::size_t i = 0; i < polled_.size(); ++i) {
      if ((polled_[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0) receive(connections_[i]);
    }
  }

  // Every answer is a line; one that does not begin with '+' is an error.
  void receive(Connection& connection) {
    char into[65536];
    const auto got = recv(connection.fd.get(), into, sizeof into, 0);
    if (got == 0) die("the master closed the connection");
    if (got < 0) return;
    std::uint64_t answers = 0;
    const char* at = into;
    const char* const end = into + got;
    while (const void* found = memchr(at, '\n', static_cast<std::size_t>(end - at))) {
      ++answers;
      at = static_cast<const char*>(found) + 1;
    }
    if (memchr(into, '-', static_cast<std::size_t>(got)) != nullptr) stats_.errors += 1;
    count(connection, answers);
  }

  void count(Connection& connection, std::uint64_t answers) {
    const double now = seconds_now();
    const auto phase = stats_.phase.load() % kPhasesMax;
    outstanding_ -= answers;
    stats_.answered += answers;
    stats_.outstanding = outstanding_;
    while (answers > 0) {
      auto& oldest = connection.waiting.front();
      const auto done = std::min(answers, oldest.count);
      const auto latency =
          std::chrono::nanoseconds(static_cast<std::int64_t>((now - oldest.due) * 1e9));
      stats_.latency[phase].record(latency, done);
      answers -= done;
      oldest.count -= done;
      if (oldest.count == 0) connection.waiting.pop_front();
    }
  }

  const LoadOptions options_;
  LoadStats& stats_;
  const std::string value_;
  Random random_;
  std::vector<Connection> connections_;
  std::vector<pollfd> polled_;
  std::uint64_t turn_ = 0;
  std::uint64_t outstanding_ = 0;
};

}  // namespace

int run_load(const LoadOptions& options) {
  auto* stats = open_shared_stats<LoadStats>(options.stats);
  prctl(PR_SET_TIMERSLACK, 1);  // the default, 50 us, would be a good part of what is measured
  Load load(options, *stats);
  load.run();
  return 0;
}

}  // namespace sluice::bench
