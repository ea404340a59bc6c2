// A master that has nothing but a stream: an empty snapshot, then writes as fast as they are read.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

#include "pattern.h"
#include "wire.h"
#include "workers.h"

namespace sluice::bench {
namespace {

const std::string kReplid(kPumpReplid);

// Version 10, no keys, checksum 0: Redis and whoever reads as it does takes that as "not checked".
std::string empty_rdb() {
  std::string rdb = "REDIS0010";
  rdb += '\xFF';
  rdb.append(8, '\0');
  return rdb;
}

class Pump {
 public:
  Pump(PumpStats& stats, std::string pattern) : stats_(stats), pattern_(std::move(pattern)) {}

  void serve(Fd fd) {
    fd_ = std::move(fd);
    streaming_ = false;
    inbox_.clear();
    set_nonblocking(fd_);
    while (!stats_.stop) {
      const bool may_send = streaming_ && stats_.sent < stats_.limit;
      pollfd polled{fd_.get(), static_cast<short>(may_send ? POLLIN | POLLOUT : POLLIN), 0};
      poll(&polled, 1, 5);
      if ((polled.revents & (POLLIN | POLLHUP)) != 0 && !receive()) break;
      if ((polled.revents & POLLOUT) != 0) send_some();
    }
    stats_.connected = false;
  }

 private:
  bool receive() {
    char into[4096];
    const auto got = recv(fd_.get(), into, sizeof into, 0);
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return false;
    inbox_.append(into, static_cast<std::size_t>(got));
    while (take_command()) {
    }
    return true;
  }

  // Commands come whole and small; anything else is left until more arrives.
  bool take_command() {
    std::size_t at = 0;
    const auto number = [&](char type) -> std::int64_t {
      const auto end = inbox_.find("\r\n", at);
      if (end == std::string::npos || inbox_[at] != type) return -1;
      std::int64_t value = -1;
      std::from_chars(inbox_.data() + at + 1, inbox_.data() + end, value);
      at = end + 2;
      return value;
    };
    const auto count = number('*');
    std::vector<std::string> words;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto size = number('$');
      if (size < 0 || inbox_.size() < at + static_cast<std::size_t>(size) + 2) return false;
      words.push_back(inbox_.substr(at, static_cast<std::size_t>(size)));
      at += static_cast<std::size_t>(size) + 2;
    }
    if (count <= 0) return false;
    inbox_.erase(0, at);
    answer(words);
    return true;
  }

  void answer(std::vector<std::string>& words) {
    for (auto& c : words[0]) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const std::string second = words.size() > 1 ? words[1] : "";
    if (words[0] == "PING") return write_all(fd_, "+PONG\r\n");
    if (words[0] == "REPLCONF" && (second == "ACK" || second == "ack")) {
      std::uint64_t offset = 0;
      if (words.size() > 2)
        std::from_chars(words[2].data(), words[2].data() + words[2].size(), offset);
      stats_.acked = offset;
      return;
    }
    if (words[0] == "INFO") return write_info();
    if (words[0] == "PSYNC") return begin(words);
    write_all(fd_, "+OK\r\n");
  }

  void write_info() {
    const std::string text = "# Server\r\nredis_version:7.0.15\r\nrun_id:" + kReplid +
                             "\r\nloading:0\r\nrole:master\r\n" +
                             "connected_slaves:0\r\nmaster_replid:" + kReplid +
                             "\r\nmaster_repl_offset:" + std::to_string(stats_.sent) + "\r\n";
    write_all(fd_, "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n");
  }

  void begin(const std::vector<std::string>& words) {
    if (words.size() > 1 && words[1] == kReplid) {
      std::uint64_t next = 0;
      std::from_chars(words[2].data(), words[2].data() + words[2].size(), next);
      stats_.sent = next - 1;
      write_all(fd_, "+CONTINUE " + kReplid + "\r\n");
    } else {
      stats_.sent = 0;
      const auto rdb = empty_rdb();
      write_all(fd_,
                "+FULLRESYNC " + kReplid + " 0\r\n$" + std::to_string(rdb.size()) + "\r\n" + rdb);
    }
    streaming_ = true;
    stats_.connected = true;
  }

  void send_some() {
    const std::uint64_t sent = stats_.sent;
    const auto at = static_cast<std::size_t>(sent % pattern_.size());
    const auto most = std::min<std::uint64_t>(
        {pattern_.size() - at, stats_.limit - sent, std::uint64_t{256} << 10U});
    const auto got =
        send(fd_.get(), pattern_.data() + at, static_cast<std::size_t>(most), MSG_NOSIGNAL);
    if (got > 0) stats_.sent += static_cast<std::uint64_t>(got);
  }

  PumpStats& stats_;
  const std::string pattern_;
  Fd fd_;
  std::string inbox_;
  bool streaming_ = false;
};

}  // namespace

int run_pump(const PumpOptions& options) {
  auto* stats = open_shared_stats<PumpStats>(options.stats);
  const Fd listener = listen_on(0);
  stats->port = port_of(listener);
  Pump pump(*stats, make_pattern(options.mix));
  while (!stats->stop) {
    pollfd polled{listener.get(), POLLIN, 0};
    if (poll(&polled, 1, 50) <= 0) continue;
    Fd fd(accept(listener.get(), nullptr, nullptr));
    if (fd) pump.serve(std::move(fd));
  }
  return 0;
}

}  // namespace sluice::bench
