#include "geo/target.h"

#include <utility>

#include "resp/writer.h"
#include "rt/deadline.h"

namespace sluice::geo {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;

}  // namespace

Target::Target(base::RedisUrl url, std::unique_ptr<rt::Stream> stream)
    : url_(std::move(url)), stream_(std::move(stream)), read_(kReadBytes) {}

rt::Task<Result<std::unique_ptr<Target>>> Target::find_master(rt::Host& host,
                                                              std::vector<base::RedisUrl> urls,
                                                              redis::ClientOptions options) {
  std::string failures;
  for (const auto& url : urls) {
    auto connected = co_await connect(host, url, options);
    if (connected) co_return connected;
    if (!failures.empty()) failures += "; ";
    const auto address = base::to_string(url.endpoint);
    const auto& why = connected.error().detail;
    if (!why.starts_with(address)) failures += address + ": ";
    failures += why;
  }
  co_return fail(Errc::kDisconnected, std::move(failures));
}

rt::Task<Result<std::unique_ptr<Target>>> Target::connect(rt::Host& host, base::RedisUrl url,
                                                          redis::ClientOptions options) {
  rt::ConnectOptions how{.timeout = options.connect_timeout, .tls = std::nullopt};
  if (url.is_tls) how.tls = options.tls;
  base::Endpoint to = url.endpoint;
  auto& network = host.network();
  CO_TRY(auto stream, co_await network.connect(std::move(to), std::move(how)));
  std::unique_ptr<Target> target(new Target(std::move(url), std::move(stream)));
  std::function<void()> give_up = [&target] { target->close(Errc::kTimedOut); };
  const rt::Deadline deadline(host.clock(), host.clock().now() + options.timeout,
                              std::move(give_up));
  CO_TRY_VOID(co_await target->greet());
  co_return target;
}

rt::Task<Result<>> Target::greet() {
  if (!url_.password.empty()) {
    std::vector<std::string> auth{"AUTH", url_.password};
    if (!url_.user.empty()) auth.insert(auth.begin() + 1, url_.user);
    CO_TRY(const auto greeted, co_await ask(std::move(auth)));
    if (greeted.is_error()) co_return fail(Errc::kRejected, "AUTH: " + greeted.text);
  }
  std::vector<std::string> words{"ROLE"};
  CO_TRY(const auto role, co_await ask(std::move(words)));
  if (role.is_error()) co_return fail(Errc::kRejected, "ROLE: " + role.text);
  if (role.elements.empty() || role.elements[0].text != "master") {
    co_return fail(Errc::kBusy, "is no master");
  }
  co_return Result<>{};
}

rt::Task<Result<RegionState>> Target::state() {
  std::vector<std::string> words{"GEO.VECTOR"};
  CO_TRY(const auto reply, co_await ask(std::move(words)));
  co_return parse_region_state(reply);
}

rt::Task<Result<redis::Info>> Target::info() {
  std::vector<std::string> words{"GEO.INFO", "QUICK"};
  CO_TRY(const auto reply, co_await ask(std::move(words)));
  if (reply.is_error()) co_return fail(Errc::kRejected, "GEO.INFO: " + reply.text);
  co_return redis::Info::parse(reply.text);
}

rt::Task<Result<resp::Reply>> Target::ask(std::vector<std::string> words) {
  std::string wire;
  const std::vector<std::string_view> views(words.begin(), words.end());
  resp::append_command(wire, views);
  if (auto written = co_await stream_->write(wire); !written)
    co_return tl::unexpected(co_await last_word(std::move(written).error()));
  co_return co_await read_reply();
}

rt::Task<Error> Target::last_word(Error why) {
  for (;;) {
    const auto reply = co_await read_reply();
    if (!reply) co_return why;
    if (reply->is_error()) co_return Error{why.code, why.detail + ", after: " + reply->text};
  }
}

rt::Task<Result<resp::Reply>> Target::read_reply() {
  for (;;) {
    CO_TRY(auto reply, replies_.next());
    if (reply) co_return *std::move(reply);
    CO_TRY(const auto count, co_await stream_->read_some(read_));
    replies_.feed({read_.data(), count});
  }
}

}  // namespace sluice::geo
