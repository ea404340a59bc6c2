// A tunnel over real sockets. What the network may do to one is in hop_sim_test.cc.
#include <gtest/gtest.h>

#include "hop/tunnels.h"
#include "rt/core_test.h"
#include "tunnel/line_reader.h"

namespace sluice::hop {
namespace {

class HopTest : public rt::CoreTest {
 protected:
  static constexpr std::uint64_t kBytes = 32 << 20;
  Options options;
  std::uint64_t received = 0;
  std::uint64_t wrong = 0;
  std::string failure;

  static char byte_at(std::uint64_t at) { return static_cast<char>((at >> 12) * 131 + at); }

  // Answers one ping, then takes every stripe, and reads the tunnel to its end.
  rt::Task<void> serve(rt::Listener& listener, Tunnels& tunnels, rt::Gate& tasks) {
    for (;;) {
      auto connection = co_await listener.accept();
      if (!connection) co_return;
      tasks.spawn(serve_one(*std::move(connection), tunnels, listener));
    }
  }

  rt::Task<void> serve_one(std::unique_ptr<rt::Stream> connection, Tunnels& tunnels,
                           rt::Listener& listener) {
    tunnel::LineReader reader;
    std::array<char, 2048> bytes{};
    for (;;) {
      const auto count = co_await connection->read_some(bytes);
      if (!count) co_return;
      const auto taken = *reader.take({bytes.data(), *count});
      if (!taken.line) continue;
      const auto line = *tunnel::parse_line(*taken.line);
      if (const auto* route = std::get_if<tunnel::RouteLine>(&line)) {
        const std::string_view rest(bytes.data() + taken.consumed, *count - taken.consumed);
        auto accepted = *tunnels.accept(std::move(connection), *route, rest, "peer");
        if (!accepted.stream) co_return;
        accepted.tunnel->answer({});
        co_await read_all(*accepted.stream);
        listener.close();
        co_return;
      }
      const tunnel::Pong pong{.direct = listener.local(), .sluice = tunnel::SluiceOption{}};
      const auto wire = tunnel::print(pong);
      (void)co_await connection->write(wire);
    }
  }

  rt::Task<void> read_all(rt::Stream& stream) {
    for (;;) {
      const auto count = co_await stream.read_some(host.read_buffer());
      if (!count) co_return;
      for (std::size_t n = 0; n < *count; ++n) {
        if (host.read_buffer()[n] != byte_at(received + n)) ++wrong;
      }
      received += *count;
    }
  }

  rt::Task<void> send_all(rt::Stream& stream) {
    std::string piece(100'000, '\0');
    for (std::uint64_t at = 0; at < kBytes;) {
      const auto count = std::min<std::uint64_t>(piece.size(), kBytes - at);
      for (std::size_t n = 0; n < count; ++n) piece[n] = byte_at(at + n);
      const auto bytes = std::string_view(piece).substr(0, count);
      const auto written = co_await stream.write(bytes);
      if (!written) failure = written.error().detail;
      if (!written) co_return;
      at += count;
    }
  }

  rt::Task<void> play() {
    Tunnels here(host, options);
    Tunnels there(host, options);
    auto listener = *host.network().listen({"127.0.0.1", 0}, std::nullopt);
    rt::Gate tasks(host);
    tasks.spawn(serve(*listener, there, tasks));
    const auto route = "PROXYTCP://" + base::to_string(listener->local()) + " TCP://nowhere:1";
    DialRequest request{.line = {.route = *tunnel::parse_route(route)}};
    auto dialled = co_await here.dial(std::move(request));
    if (dialled) {
      co_await send_all(*dialled->stream);
      dialled->stream.reset();
    } else {
      failure = dialled.error().detail;
      listener->close();
    }
    co_await tasks.closed();
    here.close();
    there.close();
    co_await here.closed();
    co_await there.closed();
  }
};

TEST_F(HopTest, CarriesBulkOverRealConnections) {
  options.limits.compression.is_enabled = false;
  run(play());
  EXPECT_EQ(failure, "");
  EXPECT_EQ(received, kBytes);
  EXPECT_EQ(wrong, 0U);
}

TEST_F(HopTest, CarriesBulkCompressed) {
  run(play());
  EXPECT_EQ(failure, "");
  EXPECT_EQ(received, kBytes);
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace sluice::hop
