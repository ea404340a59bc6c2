// Replicas that only drain: they take the snapshot and the stream, acknowledge, and keep nothing.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

#include "pattern.h"
#include "wire.h"
#include "workers.h"

namespace sluice::bench {
namespace {

constexpr double kReconnectSeconds = 0.5;
constexpr double kTickSeconds = 0.01;
constexpr std::size_t kMarkBytes = 40;  // of the delimiter after "$EOF:"

enum class State : std::uint8_t {
  kAway,
  kGreeting,
  kAskedPsync,
  kAwaitsSnapshot,
  kSnapshot,
  kStream
};

std::string command(std::initializer_list<std::string_view> words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out.append(word).append("\r\n");
  }
  return out;
}

class Replica {
 public:
  Replica(const FakeReplicaOptions& options, ReplicaStats& stats, std::uint64_t from)
      : options_(options), stats_(stats), replid_(options.replid), offset_(from) {}

  int descriptor() const { return fd_.get(); }
  bool wants_to_read() const { return state_ != State::kAway && budget_ >= 1; }

  void tick(double now) {
    if (state_ == State::kAway && now >= retry_at_) connect(now);
    refill(now);
    if (state_ == State::kStream && now >= ack_at_) acknowledge(now);
  }

  void read(double now) {
    if (state_ == State::kSnapshot || state_ == State::kStream) return drain(now);
    char byte = 0;
    while (state_ != State::kAway && state_ != State::kSnapshot && state_ != State::kStream) {
      const auto got = recv(fd_.get(), &byte, 1, 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return leave(now);
      if (byte != '\n') {
        line_ += byte;
      } else if (!line_.empty() && line_ != "\r") {
        line_.pop_back();
        const std::string line = std::exchange(line_, {});
        take_line(line, now);
      } else {
        line_.clear();
      }
    }
  }

 private:
  void connect(double now) {
    // A small window, so that a limited reader is felt by the sender, not stored in between.
    auto fd = connect_to(
        options_.port, {.receive = options_.bytes_per_second > 0 ? 128 << 10 : 1 << 20, .send = 0});
    if (!fd) {
      retry_at_ = now + kReconnectSeconds;
      return;
    }
    fd_ = std::move(*fd);
    set_nonblocking(fd_);
    greeted_ = 0;
    state_ = State::kGreeting;
    write_all(fd_, command({"PING"}));
  }

  void leave(double now) {
    fd_ = Fd();
    line_.clear();
    state_ = State::kAway;
    stats_.streaming = false;
    retry_at_ = now + kReconnectSeconds;
  }

  void take_line(const std::string& line, double now) {
    if (state_ == State::kGreeting) return greet();
    if (state_ == State::kAwaitsSnapshot) return begin_snapshot(line);
    if (line.starts_with("+FULLRESYNC ")) {
      replid_ = line.substr(12, 40);
      offset_ = 0;
      std::from_chars(line.data() + 53, line.data() + line.size(), offset_);
      stats_.full_syncs += 1;
      state_ = State::kAwaitsSnapshot;
    } else if (line.starts_with("+CONTINUE")) {
      if (line.size() >= 50) replid_ = line.substr(10, 40);
      stats_.continues += 1;
      begin_stream(now);
    } else {
      leave(now);  // -NOMASTERLINK, -LOADING, a limit: later
    }
  }

  void greet() {
    ++greeted_;
    if (greeted_ == 1) write_all(fd_, command({"REPLCONF", "listening-port", "1"}));
    if (greeted_ == 2) write_all(fd_, command({"REPLCONF", "capa", "eof", "capa", "psync2"}));
    if (greeted_ < 3) return;
    const std::string next = replid_.empty() ? "-1" : std::to_string(offset_ + 1);
    write_all(fd_, command({"PSYNC", replid_.empty() ? "?" : replid_, next}));
    state_ = State::kAskedPsync;
  }

  void begin_snapshot(const std::string& line) {
    mark_.clear();
    tail_.clear();
    left_ = 0;
    if (line.starts_with("$EOF:")) {
      mark_ = line.substr(5, kMarkBytes);
    } else {
      std::from_chars(line.data() + 1, line.data() + line.size(), left_);
    }
    state_ = State::kSnapshot;
  }

  void begin_stream(double now) {
    state_ = State::kStream;
    stats_.streaming = true;
    stats_.offset = offset_;
    acknowledge(now);
  }

  void acknowledge(double now) {
    write_all(fd_, command({"REPLCONF", "ACK", std::to_string(offset_)}));
    ack_at_ = now + 1;
  }

  void drain(double now) {
    while (budget_ >= 1) {
      const bool delimited = state_ == State::kSnapshot && !mark_.empty();
      std::size_t most = delimited ? sizeof buffer_ : std::size_t{1} << 20;
      most = std::min(most, static_cast<std::size_t>(budget_));
      if (state_ == State::kSnapshot && !delimited) most = std::min<std::size_t>(most, left_);
      // MSG_TRUNC: the kernel drops the bytes instead of copying them to us.
      const auto got = recv(fd_.get(), buffer_, most, delimited ? 0 : MSG_TRUNC);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return leave(now);
      take(static_cast<std::size_t>(got), delimited, now);
    }
  }

  void take(std::size_t got, bool delimited, double now) {
    if (options_.bytes_per_second > 0) budget_ -= static_cast<double>(got);
    if (state_ == State::kStream) {
      offset_ += got;
      stats_.stream_bytes += got;
      stats_.offset = offset_;
      return;
    }
    stats_.snapshot_bytes += got;
    bool whole = false;
    if (delimited) {
      tail_.append(buffer_, got);
      if (tail_.size() > kMarkBytes) tail_.erase(0, tail_.size() - kMarkBytes);
      whole = tail_ == mark_;
    } else {
      left_ -= got;
      whole = left_ == 0;
    }
    if (whole) begin_stream(now);
  }

  void refill(double now) {
    const double rate = options_.bytes_per_second;
    if (rate <= 0) {
      budget_ = 1e18;
    } else {
      budget_ = std::min(budget_ + rate * (now - refilled_at_), rate * 0.1);
    }
    refilled_at_ = now;
  }

  const FakeReplicaOptions& options_;
  ReplicaStats& stats_;
  Fd fd_;
  State state_ = State::kAway;
  std::string line_;
  std::string replid_;
  std::string mark_;
  std::string tail_;
  std::uint64_t offset_ = 0;
  std::uint64_t left_ = 0;
  int greeted_ = 0;
  double budget_ = 0;
  double refilled_at_ = 0;
  double retry_at_ = 0;
  double ack_at_ = 0;
  static inline char buffer_[1 << 16];
};

}  // namespace

int run_fake_replicas(const FakeReplicaOptions& options) {
  auto* stats = open_shared_stats<ReplicasStats>(options.stats);
  std::vector<Replica> replicas;
  replicas.reserve(options.count);
  const auto step = options.spread / options.count / kPatternBytes * kPatternBytes;
  for (std::uint32_t i = 0; i < options.count; ++i) {
    replicas.emplace_back(options, stats->replica[i], step * i);
  }
  std::vector<pollfd> polled(options.count);
  while (!stats->stop) {
    double now = seconds_now();
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      replicas[i].tick(now);
      polled[i] = {replicas[i].wants_to_read() ? replicas[i].descriptor() : -1, POLLIN, 0};
    }
    const timespec time{0, static_cast<long>(kTickSeconds * 1e9)};
    if (options.bytes_per_second > 0) nanosleep(&time, nullptr);
    if (ppoll(polled.data(), polled.size(), &time, nullptr) <= 0) continue;
    now = seconds_now();
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      if (polled[i].revents != 0) replicas[i].read(now);
    }
  }
  return 0;
}

}  // namespace sluice::bench
