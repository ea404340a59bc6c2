#include "hop/line_dial.h"

#include <utility>

namespace sluice::hop {
namespace {

rt::Task<Result<std::unique_ptr<rt::Stream>>> connect_first(rt::Host& host, tunnel::Hop hop,
                                                            rt::ConnectOptions options) {
  Error last{Errc::kRejected, "the route is empty"};
  for (const auto& node : hop) {
    auto how = options;
    if (!node.is_tls()) how.tls.reset();
    auto to = node.endpoint;
    auto stream = co_await host.network().connect(std::move(to), std::move(how));
    if (stream) co_return stream;
    last = {stream.error().code, to_string(node) + ": " + stream.error().detail};
  }
  co_return tl::unexpected<Error>(std::move(last));
}

}  // namespace

rt::Task<Result<std::unique_ptr<rt::Stream>>> dial_by_line(rt::Host& host, tunnel::Route route,
                                                           LineDialOptions options) {
  if (route.empty()) co_return fail(Errc::kRejected, "the route is empty");
  auto first = std::move(route.front());
  const bool is_relay = first.front().is_proxy();
  route.erase(route.begin());
  CO_TRY(auto stream, co_await connect_first(host, std::move(first), std::move(options.connect)));
  if (!is_relay) co_return stream;
  tunnel::RouteLine line;
  line.route = std::move(route);
  CO_TRY(const auto text, tunnel::print(line));
  CO_TRY_VOID(co_await stream->write(text));
  co_return stream;
}

}  // namespace sluice::hop
