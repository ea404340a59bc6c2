// The plain loop: recv from a master, write to a file, sendfile to whoever reads. It checks nothing.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "wire.h"
#include "workers.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;

struct Reader {
  Fd fd;
  std::uint64_t at = 0;
  int asked = 0;  // commands of the handshake answered so far
};

// One file for all: rotating it would only cost.
class Copier {
 public:
  Copier(const CopyOptions& options, CopyStats& stats)
      : options_(options),
        stats_(stats),
        listener_(listen_on(0)),
        log_(open((options.dir + "/plain.log").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
                  0600)),
        buffer_(new char[kReadBytes]) {
    if (!log_) die(options.dir);
    auto upstream = connect_to(options.upstream, {});
    if (!upstream) die("connect to the pump");
    upstream_ = std::move(*upstream);
    write_all(upstream_, "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n");
    read_line(upstream_);  // +FULLRESYNC
    read_line(upstream_);  // $18
    char rdb[18];
    recv(upstream_.get(), rdb, sizeof rdb, MSG_WAITALL);
    set_nonblocking(upstream_);
    stats_.port = port_of(listener_);
  }

  int log() const { return log_.get(); }

  void run() {
    std::vector<pollfd> polled;
    while (!stats_.stop) {
      polled.clear();
      polled.push_back({upstream_.get(), POLLIN, 0});
      polled.push_back({listener_.get(), POLLIN, 0});
      for (const auto& reader : readers_) {
        const bool behind = reader.asked == 4 && reader.at < end_;
        polled.push_back(
            {reader.fd.get(), static_cast<short>(behind ? POLLIN | POLLOUT : POLLIN), 0});
      }
      if (poll(polled.data(), polled.size(), 50) <= 0) continue;
      for (std::size_t i = 0; i < readers_.size(); ++i) {
        if ((polled[i + 2].revents & POLLIN) != 0) listen_to(readers_[i]);
      }
      if ((polled[0].revents & POLLIN) != 0) receive();
      for (auto& reader : readers_) send_to(reader);
      if ((polled[1].revents & POLLIN) != 0) {
        readers_.push_back({Fd(accept(listener_.get(), nullptr, nullptr)), 0, 0});
        set_nonblocking(readers_.back().fd);
      }
    }
  }

 private:
  void receive() {
    const auto got = recv(upstream_.get(), buffer_.get(), kReadBytes, 0);
    if (got == 0) die("the pump closed the connection");
    if (got < 0) return;
    const auto count = static_cast<std::size_t>(got);
    if (pwrite(log_.get(), buffer_.get(), count, static_cast<off_t>(end_)) != got) die("write");
    end_ += count;
    stats_.received = end_;
    if (!options_.sync_every_second) stats_.durable = end_;
  }

  void send_to(Reader& reader) {
    if (reader.asked < 4 || reader.at >= end_) return;
    auto from = static_cast<off_t>(reader.at);
    const auto sent = sendfile(reader.fd.get(), log_.get(), &from, end_ - reader.at);
    if (sent > 0) reader.at += static_cast<std::uint64_t>(sent);
  }

  // The fake replica's four commands, each in a packet of its own; then its acknowledgements.
  void listen_to(Reader& reader) {
    char into[1024];
    if (recv(reader.fd.get(), into, sizeof into, 0) <= 0 || reader.asked == 4) return;
    ++reader.asked;
    if (reader.asked < 4) return write_all(reader.fd, "+OK\r\n");
    write_all(reader.fd, "+CONTINUE " + std::string(40, 'b') + "\r\n");
  }

  const CopyOptions& options_;
  CopyStats& stats_;
  Fd listener_;
  Fd log_;
  Fd upstream_;
  std::unique_ptr<char[]> buffer_;
  std::vector<Reader> readers_;
  std::uint64_t end_ = 0;
};

}  // namespace

int run_copy(const CopyOptions& options) {
  auto* stats = open_shared_stats<CopyStats>(options.stats);
  Copier copier(options, *stats);
  std::jthread syncer;
  if (options.sync_every_second) {
    syncer = std::jthread([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        sleep(1);
        const std::uint64_t written = stats->received;
        if (fdatasync(copier.log()) != 0) die("fdatasync");
        stats->durable = written;
      }
    });
  }
  copier.run();
  return 0;
}

}  // namespace sluice::bench
