#include "redis/upstream.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <span>
#include <system_error>
#include <utility>

#include "resp/writer.h"

namespace sluice::redis {
namespace {

constexpr std::size_t kLineBytesMax = 16 * 1024;
constexpr std::size_t kInfoBytesMax = 1024 * 1024;

bool is_error(std::string_view reply) {
  return !reply.empty() && reply.front() == '-';
}

std::size_t room_for(const UpstreamOptions& options) {
  return std::max(options.buffer_bytes, 2 * kLineBytesMax);
}

std::string command(std::initializer_list<std::string_view> words) {
  std::string wire;
  resp::append_command(wire, words);
  return wire;
}

}  // namespace

Upstream::Upstream(rt::Host& host, UpstreamOptions options, std::unique_ptr<rt::Stream> stream)
    : host_(host),
      options_(std::move(options)),
      stream_(std::move(stream)),
      memory_(std::make_unique_for_overwrite<char[]>(room_for(options_))),
      buffer_(memory_.get(), room_for(options_)),
      last_heard_(host.clock().now()) {
  watch_silence();
}

Upstream::~Upstream() {
  if (silence_timer_) host_.clock().cancel(*silence_timer_);
}

// One timer per connection instead of one per read: it looks when the last byte came.
void Upstream::watch_silence() {
  const auto due = last_heard_ + options_.silence_max;
  if (due <= host_.clock().now()) {
    silence_timer_.reset();
    close(Errc::kTimedOut);
    return;
  }
  silence_timer_ = host_.clock().call_at(due, [this] { watch_silence(); });
}

void Upstream::set_silence_max(rt::Duration silence_max) {
  options_.silence_max = silence_max;
  if (!silence_timer_) return;  // it has been closed for its silence
  host_.clock().cancel(*silence_timer_);
  watch_silence();
}

rt::Task<Result<std::unique_ptr<Upstream>>> Upstream::connect(rt::Host& host,
                                                              UpstreamOptions options) {
  rt::ConnectOptions how;
  how.timeout = options.connect_timeout;
  if (options.url.is_tls) how.tls = options.tls;
  base::Endpoint to = options.url.endpoint;
  if (!options.dial) {
    auto& network = host.network();
    options.dial = [&network](base::Endpoint at, rt::ConnectOptions with) {
      return network.connect(std::move(at), std::move(with));
    };
  }
  CO_TRY(auto stream, co_await options.dial(std::move(to), std::move(how)));
  auto upstream =
      std::unique_ptr<Upstream>(new Upstream(host, std::move(options), std::move(stream)));
  CO_TRY_VOID(co_await upstream->authenticate());
  co_return upstream;
}

rt::Task<Result<>> Upstream::authenticate() {
  const auto& url = options_.url;
  if (!url.password.empty()) {
    auto auth = url.user.empty() ? command({"AUTH", url.password})
                                 : command({"AUTH", url.user, url.password});
    CO_TRY(const auto reply, co_await ask(std::move(auth)));
    if (is_error(reply)) co_return fail(Errc::kRejected, "upstream refused AUTH: " + reply);
  }
  auto ping = command({"PING"});
  CO_TRY(const auto pong, co_await ask(std::move(ping)));
  if (pong.starts_with("-NOAUTH")) {
    co_return fail(Errc::kRejected, "upstream wants a password: put user:pass@ into its URL");
  }
  // As Redis' replicas do, a user without the right to PING is taken for a good sign; a master
  // that cannot persist refuses PING too, and can still be followed.
  if (is_error(pong) && !pong.starts_with("-NOPERM") && !pong.starts_with("-MISCONF") &&
      !pong.starts_with("-MASTERDOWN")) {
    co_return fail(Errc::kBusy, "upstream answered PING with '" + pong + "'");
  }
  co_return Result<>{};
}

rt::Task<Result<repl::Peer>> Upstream::peer() {
  const auto info = command({"INFO"});
  CO_TRY_VOID(co_await stream_->write(info));
  CO_TRY(const auto text, co_await read_bulk());
  co_return repl::parse_peer(text);
}

rt::Task<Result<repl::PsyncReply>> Upstream::psync(PsyncWish wish) {
  // Errors are passed over, as Redis' replicas do: an old master knows fewer of these.
  if (options_.announced.port != 0) {
    auto port = command({"REPLCONF", "listening-port", std::to_string(options_.announced.port)});
    CO_TRY_VOID(co_await ask(std::move(port)));
  }
  if (!options_.announced.host.empty()) {
    auto address = command({"REPLCONF", "ip-address", options_.announced.host});
    CO_TRY_VOID(co_await ask(std::move(address)));
  }
  auto capabilities = command({"REPLCONF", "capa", "eof", "capa", "psync2"});
  CO_TRY_VOID(co_await ask(std::move(capabilities)));
  if (wish.is_of_keeper) {
    auto keeper = command({"REPLCONF", "capa", "keeper"});
    CO_TRY_VOID(co_await ask(std::move(keeper)));
  }
  if (wish.is_of_keeper && wish.held) {
    auto held = command({"REPLCONF", "snapshot-name", wish.held->name, "snapshot-from",
                         std::to_string(wish.held->bytes)});
    CO_TRY_VOID(co_await ask(std::move(held)));
  }
  auto request = repl::psync_command(wish.from);
  CO_TRY(const auto reply, co_await ask(std::move(request)));
  tap_ = rt::tap_of(*stream_);
  co_return repl::parse_psync_reply(reply);
}

rt::Task<Result<>> Upstream::begin_snapshot() {
  while (!payload_.has_begun()) {
    if (begin_ == end_) CO_TRY_VOID(co_await read_more());
    CO_TRY(const auto taken, payload_.take(unread()));
    begin_ += taken.consumed;
    if (taken.consumed == 0) CO_TRY_VOID(co_await read_more());
  }
  co_return Result<>{};
}

rt::Task<Result<std::string_view>> Upstream::read_snapshot() {
  while (!is_snapshot_complete_) {
    if (begin_ == end_) CO_TRY_VOID(co_await read_more());
    CO_TRY(const auto taken, payload_.take(unread()));
    begin_ += taken.consumed;
    is_snapshot_complete_ = taken.is_complete;
    if (!taken.rdb.empty()) co_return taken.rdb;
    if (taken.consumed == 0) CO_TRY_VOID(co_await read_more());
  }
  co_return std::string_view{};
}

rt::Task<Result<std::string_view>> Upstream::read_stream() {
  if (begin_ == end_) CO_TRY_VOID(co_await read_more());
  const auto bytes = unread();
  begin_ = end_;
  co_return bytes;
}

std::string_view Upstream::read_ahead() {
  CHECK(begin_ == end_);
  return {buffer_.data(), tap_ ? tap_->read_now(buffer_) : 0};
}

rt::Task<Result<>> Upstream::acknowledge(repl::Offset offset) {
  const auto wire = command({"REPLCONF", "ACK", std::to_string(offset.bytes())});
  co_return co_await stream_->write(wire);
}

void Upstream::close(Errc why) {
  stream_->close(why);
}

std::string Upstream::address() const {
  return base::to_string(options_.url.endpoint);
}

std::string_view Upstream::unread() const {
  return {buffer_.data() + begin_, end_ - begin_};
}

rt::Task<Result<>> Upstream::read_more() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size()) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.end(),
              buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  const auto room = buffer_.subspan(end_);
  CO_TRY(const auto count, co_await stream_->read_some(room));
  end_ += count;
  last_heard_ = host_.clock().now();
  co_return Result<>{};
}

rt::Task<Result<std::string>> Upstream::read_line() {
  for (;;) {
    const auto bytes = unread();
    if (const auto end = bytes.find('\n'); end != std::string_view::npos) {
      auto line = bytes.substr(0, end);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      begin_ += end + 1;
      if (!line.empty()) co_return std::string(line);
      continue;  // a newline that only keeps the connection alive
    }
    if (bytes.size() > kLineBytesMax) {
      co_return fail(Errc::kProtocol, "upstream sent an endless line: is it a Redis?");
    }
    CO_TRY_VOID(co_await read_more());
  }
}

rt::Task<Result<std::string>> Upstream::read_bulk() {
  CO_TRY(const auto header, co_await read_line());
  if (is_error(header)) co_return std::string{};
  std::size_t length = 0;
  const auto* const last = header.data() + header.size();
  const auto [stop, error] = std::from_chars(header.data() + 1, last, length);
  if (header.front() != '$' || error != std::errc{} || stop != last || length > kInfoBytesMax) {
    co_return fail(Errc::kProtocol, "upstream answered INFO with '" + header + "'");
  }
  std::string bulk;
  while (bulk.size() < length + 2) {
    if (begin_ == end_) CO_TRY_VOID(co_await read_more());
    const auto part = unread().substr(0, length + 2 - bulk.size());
    bulk += part;
    begin_ += part.size();
  }
  bulk.resize(length);
  co_return bulk;
}

rt::Task<Result<std::string>> Upstream::ask(std::string request) {
  CO_TRY_VOID(co_await stream_->write(request));
  co_return co_await read_line();
}

}  // namespace sluice::redis
