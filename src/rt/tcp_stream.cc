#include "rt/tcp_stream.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <utility>

#include "base/check.h"
#include "rt/address.h"

namespace sluice::rt {

namespace {
bool would_block(int number) {
  return number == EAGAIN || number == EWOULDBLOCK;
}

// A descriptor of its own: the stream may close its one, and the number be reused, during a call.
class SocketTap : public Tap {
 public:
  explicit SocketTap(UniqueFd fd) : fd_(std::move(fd)) {}

  std::size_t read_now(std::span<char> into) override {
    const auto got = ::recv(fd_.get(), into.data(), into.size(), MSG_DONTWAIT);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }

 private:
  UniqueFd fd_;
};
}  // namespace

TcpStream::TcpStream(Loop& loop, UniqueFd fd) : loop_(loop), socket_(loop, std::move(fd)) {
  peer_ = base::to_string(to_endpoint(peer_address(socket_.fd())));
  local_ = base::to_string(to_endpoint(local_address(socket_.fd())));
}

tl::unexpected<Error> TcpStream::closed_error() const {
  return tl::unexpected<Error>(closed_ ? *closed_ : *write_failure_);
}

tl::unexpected<Error> TcpStream::end(std::string why) {
  if (!closed_) closed_ = Error{Errc::kDisconnected, peer_ + ": " + std::move(why)};
  close_socket();
  return closed_error();
}

// What has come may say why: who closes a connection with bytes unread resets it (RFC 2525, 2.17), and what
// it sent before can still be read here.
tl::unexpected<Error> TcpStream::end_of_writes(std::string why) {
  if (!write_failure_) write_failure_ = Error{Errc::kDisconnected, peer_ + ": " + std::move(why)};
  ::shutdown(socket_.fd(), SHUT_RDWR);
  return tl::unexpected<Error>(*write_failure_);
}

tl::unexpected<Error> TcpStream::end_of_reads(std::string why) {
  if (!closed_ && write_failure_) closed_ = *write_failure_;
  return end(std::move(why));
}

Task<Result<std::size_t>> TcpStream::read_some(std::span<char> into) {
  return read(into, AtEnd::kFail);
}

Task<Result<std::size_t>> TcpStream::read_or_end(std::span<char> into) {
  return read(into, AtEnd::kGiveZero);
}

Task<Result<std::size_t>> TcpStream::read(std::span<char> into, AtEnd at_end) {
  CHECK(!into.empty());
  if (reads_.is_over()) co_await yield_to(loop_);
  for (;;) {
    if (closed_) co_return closed_error();
    const auto got = ::recv(socket_.fd(), into.data(), into.size(), 0);
    if (got > 0) co_return static_cast<std::size_t>(got);
    if (got == 0 && at_end == AtEnd::kGiveZero && !write_failure_) co_return std::size_t{0};
    if (got == 0) co_return end_of_reads("end of stream");
    if (errno == EINTR) continue;
    if (!would_block(errno)) co_return end_of_reads(reason(errno));
    reads_.begin();
    co_await socket_.readable();
  }
}

Task<Result<>> TcpStream::write(std::string_view bytes) {
  if (writes_.is_over()) co_await yield_to(loop_);
  for (;;) {
    if (!is_writable()) co_return closed_error();
    if (bytes.empty()) co_return Result<>{};
    const auto taken = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (taken >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(taken));
      continue;
    }
    if (errno == EINTR) continue;
    if (!would_block(errno)) co_return end_of_writes(reason(errno));
    writes_.begin();
    co_await socket_.writable();
  }
}

Result<std::size_t> TcpStream::write_now(std::string_view bytes) {
  if (!is_writable()) return closed_error();
  for (;;) {
    const auto taken = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (taken >= 0) return static_cast<std::size_t>(taken);
    if (would_block(errno)) return std::size_t{0};
    if (errno != EINTR) return end_of_writes(reason(errno));
  }
}

Task<Result<std::size_t>> TcpStream::send_file(const File& file, std::uint64_t at,
                                               std::size_t count) {
  CHECK(count > 0 && file.descriptor() >= 0);
  if (writes_.is_over()) co_await yield_to(loop_);
  for (;;) {
    if (!is_writable()) co_return closed_error();
    auto from = static_cast<off_t>(at);
    const auto sent = ::sendfile(socket_.fd(), file.descriptor(), &from, count);
    if (sent > 0) co_return static_cast<std::size_t>(sent);
    if (sent == 0) {
      co_return fail(Errc::kCorrupt, "file ends before byte " + std::to_string(at));
    }
    if (errno == EINTR) continue;
    if (errno == EIO) co_return fail(Errc::kDiskFailed, "sending from a file: " + reason(EIO));
    if (!would_block(errno)) co_return end_of_writes(reason(errno));
    writes_.begin();
    co_await socket_.writable();
  }
}

Task<Result<>> TcpStream::end_writes() {
  if (!is_writable()) co_return closed_error();
  if (::shutdown(socket_.fd(), SHUT_WR) != 0) co_return end_of_writes(reason(errno));
  co_return Result<>{};
}

void TcpStream::close(Errc why) {
  if (!closed_) closed_ = Error{why, peer_ + ": closed by us"};
  close_socket();
}

// A tap would keep the connection open.
void TcpStream::close_socket() {
  if (is_tapped_ && socket_.is_open()) ::shutdown(socket_.fd(), SHUT_RDWR);
  socket_.close();
}

std::unique_ptr<Tap> TcpStream::tap() {
  if (closed_) return nullptr;
  UniqueFd fd(::fcntl(socket_.fd(), F_DUPFD_CLOEXEC, 0));
  if (!fd.is_open()) return nullptr;
  is_tapped_ = true;
  return std::make_unique<SocketTap>(std::move(fd));
}

std::uint64_t TcpStream::unsent_bytes() const {
  return closed_ ? 0 : unacknowledged_bytes(socket_.fd());
}

std::optional<TcpFigures> TcpStream::figures() const {
  return closed_ ? std::nullopt : tcp_figures(socket_.fd());
}

void TcpStream::put_off_probe() {
  if (!closed_) rt::put_off_probe(socket_.fd());
}

void TcpStream::set_unsent_low(std::uint32_t bytes) {
  if (!closed_) rt::set_unsent_low(socket_.fd(), bytes);
}

std::uint64_t unacknowledged_bytes(int fd) {
  int bytes = 0;
  if (::ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes < 0) return 0;
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace sluice::rt
