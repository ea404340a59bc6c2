// A source and a sink of records, for links: how many bytes arrive, and how late each record is.
//
// A record is kRecordBytes: its due time (CLOCK_MONOTONIC is one for all of this machine), then
// content. The sink greets a source with the number of the record that it wants next, as a replica
// greets its master with an offset. So a flow that breaks loses and repeats nothing.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <vector>

#include "pattern.h"
#include "wire.h"
#include "workers.h"

namespace sluice::bench {
namespace {

constexpr std::uint64_t kRecordBytes = 1000;
constexpr std::uint64_t kBatchRecords = 64;
constexpr std::int64_t kTickNs = 1'000'000;
constexpr std::int64_t kReconnectNs = 100'000'000;

std::int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

void sleep_ns(std::int64_t ns) {
  const timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
  nanosleep(&time, nullptr);
}

std::string make_content(const std::string& kind) {
  if (kind == "text") return make_pattern("mixed");
  std::string bytes(kPatternBytes, '\0');
  std::uint64_t state = 0x9E3779B97F4A7C15ULL;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(bytes.data() + at, &state, sizeof state);
  }
  return bytes;
}

bool send_all(const Fd& fd, std::string_view bytes, FlowStats& stats) {
  while (!bytes.empty() && !stats.stop) {
    const auto sent = send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    stats.sent += static_cast<std::uint64_t>(sent);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return !stats.stop;
}

class Source {
 public:
  Source(const SourceOptions& options, FlowStats& stats)
      : options_(options), stats_(stats), content_(make_content(options.content)) {
    if (options.bytes_per_second > 0) {
      interval_ns_ = 1e9 * static_cast<double>(kRecordBytes) / options.bytes_per_second;
    }
  }

  void run() {
    started_ns_ = now_ns();
    while (!stats_.stop) {
      if (auto fd = connect_to(options_.address, options_.port, options_.congestion)) {
        ++stats_.connections;
        if (begin(*fd)) send_records(*fd);
      }
      sleep_ns(kReconnectNs);
    }
  }

 private:
  bool begin(const Fd& fd) {
    if (!options_.first_line.empty()) write_all(fd, options_.first_line + "\r\n");
    return recv(fd.get(), &next_, sizeof next_, MSG_WAITALL) == sizeof next_;
  }

  void send_records(const Fd& fd) {
    std::string batch;
    for (;;) {
      batch.clear();
      const auto count = wait_for_due();
      for (std::uint64_t i = 0; i < count; ++i) append(batch, next_ + i);
      if (!send_all(fd, batch, stats_)) return;
      next_ += count;
    }
  }

  // How many records may be sent now, at least one.
  std::uint64_t wait_for_due() {
    if (interval_ns_ == 0) return kBatchRecords;
    for (;;) {
      const auto passed = static_cast<double>(now_ns() - started_ns_);
      const auto due = static_cast<std::uint64_t>(passed / interval_ns_);
      stats_.due = due * kRecordBytes;
      if (due > next_) return std::min(due - next_, kBatchRecords);
      sleep_ns(kTickNs);
    }
  }

  void append(std::string& batch, std::uint64_t number) const {
    std::int64_t due = now_ns();
    if (interval_ns_ > 0) {
      due = started_ns_ + static_cast<std::int64_t>(static_cast<double>(number) * interval_ns_);
    }
    batch.append(reinterpret_cast<const char*>(&due), sizeof due);
    const auto records = content_.size() / kRecordBytes;
    batch.append(content_, number % records * kRecordBytes, kRecordBytes - sizeof due);
  }

  const SourceOptions& options_;
  FlowStats& stats_;
  const std::string content_;
  double interval_ns_ = 0;  // 0: no limit
  std::int64_t started_ns_ = 0;
  std::uint64_t next_ = 0;
};

class Sink {
 public:
  Sink(const SinkOptions& options, FlowStats& stats)
      : stats_(stats), listener_(listen_on(options.address, options.port)) {
    stats_.is_listening = true;
  }

  void run() {
    while (!stats_.stop) {
      std::array<pollfd, 2> polled{pollfd{listener_.get(), POLLIN, 0}, {from_.get(), POLLIN, 0}};
      constexpr int kLookMs = 50;
      if (poll(polled.data(), from_ ? 2 : 1, kLookMs) <= 0) continue;
      if (from_ && polled[1].revents != 0) receive();
      if (polled[0].revents != 0) greet(Fd(accept(listener_.get(), nullptr, nullptr)));
    }
  }

 private:
  // A newer source takes the place of the one before; a record that has come in part is forgotten.
  void greet(Fd source) {
    from_ = std::move(source);
    stamp_.fill(0);
    in_record_ = 0;
    const std::uint64_t next = stats_.received / kRecordBytes;
    write_all(from_, {reinterpret_cast<const char*>(&next), sizeof next});
  }

  void receive() {
    const auto got = recv(from_.get(), buffer_.data(), buffer_.size(), 0);
    if (got <= 0) {
      from_ = Fd();
      return;
    }
    const auto now = now_ns();
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(got));
    while (!bytes.empty()) {
      const auto part = std::min<std::size_t>(bytes.size(), kRecordBytes - in_record_);
      if (in_record_ < stamp_.size()) {
        const auto count = std::min(part, stamp_.size() - in_record_);
        std::memcpy(stamp_.data() + in_record_, bytes.data(), count);
      }
      bytes.remove_prefix(part);
      in_record_ += part;
      if (in_record_ == kRecordBytes) end_record(now);
    }
  }

  void end_record(std::int64_t now) {
    std::int64_t due = 0;
    std::memcpy(&due, stamp_.data(), sizeof due);
    stats_.delay[stats_.phase].record(
        std::chrono::nanoseconds(std::max<std::int64_t>(now - due, 0)));
    stats_.received += kRecordBytes;
    in_record_ = 0;
  }

  FlowStats& stats_;
  Fd listener_;
  Fd from_;
  std::vector<char> buffer_ = std::vector<char>(256 << 10);
  std::array<char, sizeof(std::int64_t)> stamp_{};
  std::size_t in_record_ = 0;
};

}  // namespace

int run_source(const SourceOptions& options) {
  prctl(PR_SET_TIMERSLACK, 1);
  Source(options, *open_shared_stats<FlowStats>(options.stats)).run();
  return 0;
}

int run_sink(const SinkOptions& options) {
  Sink(options, *open_shared_stats<FlowStats>(options.stats)).run();
  return 0;
}

}  // namespace sluice::bench
