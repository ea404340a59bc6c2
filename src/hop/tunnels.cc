#include "hop/tunnels.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "hop/compressed_stream.h"
#include "hop/held.h"
#include "hop/prefixed_stream.h"
#include "rt/deadline.h"

namespace sluice::hop {

namespace {

constexpr rt::Duration kRefusalTime = std::chrono::seconds(1);  // to tell a peer why

}  // namespace

Tunnels::Tunnels(rt::Host& host, Options options)
    : host_(host), options_(std::move(options)), gate_(host) {}

tunnel::Node Tunnels::known_as(const tunnel::Node& node) const {
  return options_.known_as ? options_.known_as(node) : node;
}

tunnel::TunnelId Tunnels::new_id() {
  return {{host_.random(), host_.random()}};
}

Tunnels::Held& Tunnels::hold(tunnel::TunnelId id, tunnel::Side side, std::string identity) {
  auto made = std::make_unique<Held>(host_, gate_, side, options_.limits);
  Held& held = *made;
  held.id = id;
  held.identity = std::move(identity);
  held.path = held.identity;
  Tunnel::Hooks hooks;
  hooks.over = [&held] { held.over.notify_all(); };
  hooks.is_beside_small = [this, &held] { return is_beside_small(held); };
  if (side == tunnel::Side::kDialer) {
    hooks.more_stripes = [this, &held] { gate_.spawn(dial_stripe(held)); };
    hooks.silent = [this, &held] { look_elsewhere(held); };
  }
  held.tunnel.set_hooks(std::move(hooks));
  CHECK(tunnels_.emplace(id, &held).second);
  gate_.spawn(keep(std::move(made)));
  return held;
}

bool Tunnels::is_beside_small(const Held& held) const {
  return std::ranges::any_of(tunnels_, [&](const auto& entry) {
    const auto* const other = entry.second;
    return other != &held && other->path == held.path && other->tunnel.is_small();
  });
}

// Owns a tunnel until it is over.
rt::Task<void> Tunnels::keep(std::unique_ptr<Held> held) {
  while (!held->tunnel.is_over()) co_await held->over.wait();
  if (held->node) hops_.closed(known_as(*held->node));
  tunnels_.erase(held->id);
}

Result<Accepted> Tunnels::accept(std::unique_ptr<rt::Stream> connection,
                                 const tunnel::RouteLine& line, std::string_view rest,
                                 std::string identity) {
  if (gate_.is_closing()) return fail(Errc::kBusy, "the relay is stopping");
  if (!line.sluice || !line.sluice->stripe) {
    if (!rest.empty()) {
      connection = std::make_unique<PrefixedStream>(std::string(rest), std::move(connection));
    }
    if (line.is_compressed) {
      const int level = options_.limits.compression.level;
      connection = std::make_unique<CompressedStream>(std::move(connection), level);
    }
    return Accepted{.stream = std::move(connection)};
  }
  const auto refused = [&](tunnel::AnswerCode code, std::string why) {
    const tunnel::Answer answer{code, connection->local(), std::move(why)};
    gate_.spawn(refuse(std::move(connection), answer));
    return tl::unexpected<Error>(tunnel::to_error(answer));
  };
  if (line.sluice->version != tunnel::kSluiceVersion) {
    return refused(tunnel::AnswerCode::kBadRoute,
                   "SLUICE version " + std::to_string(line.sluice->version) + " is not known here");
  }
  const auto& stripe = *line.sluice->stripe;
  const auto found = tunnels_.find(stripe.tunnel);
  if (stripe.number == 0) {
    if (found != tunnels_.end()) {
      return refused(tunnel::AnswerCode::kBadRoute, "a tunnel of that id exists");
    }
    Held& held = hold(stripe.tunnel, tunnel::Side::kAcceptor, std::move(identity));
    held.tunnel.adopt(std::move(connection), 0, rest);
    auto stream = std::make_unique<TunnelStream>(held.tunnel);
    auto* const tunnel = stream.get();
    return Accepted{std::move(stream), tunnel};
  }
  if (found == tunnels_.end()) {
    return refused(tunnel::AnswerCode::kGone, "there is no such tunnel any more");
  }
  // Only this connection is refused, and not told why: the tunnel is somebody else's.
  if (found->second->identity != identity) {
    connection->close();
    return fail(Errc::kRejected, identity + " would join a tunnel of " + found->second->identity);
  }
  found->second->tunnel.adopt(std::move(connection), stripe.number, rest);
  return Accepted{};
}

rt::Task<void> Tunnels::refuse(std::unique_ptr<rt::Stream> connection, tunnel::Answer why) {
  std::function<void()> give_up = [&connection] { connection->close(Errc::kTimedOut); };
  const rt::Deadline deadline(host_.clock(), host_.clock().now() + kRefusalTime,
                              std::move(give_up));
  const auto frame = tunnel::reset_frame(why);
  (void)co_await connection->write(frame);
  connection->close();
}

void Tunnels::close() {
  const tunnel::Answer why{tunnel::AnswerCode::kGone, "relay", "it is stopping"};
  for (const auto& [id, held] : tunnels_) held->tunnel.abort(why);
  gate_.close();
}

rt::Task<void> Tunnels::closed() {
  co_await gate_.closed();
}

}  // namespace sluice::hop
