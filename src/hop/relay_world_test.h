// For tests: a listener that speaks as a relay does, and ends of tunnels that check what they read.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "hop/tunnels.h"
#include "sim/machine.h"
#include "sim/network.h"
#include "sim/world.h"
#include "tunnel/line_reader.h"

namespace sluice::hop {

using namespace std::chrono_literals;

// Byte `at` of an endless text in which no stretch of 8 aligned bytes comes twice; half of the
// texts compress well.
inline char byte_at(std::uint64_t text, std::uint64_t at) {
  const bool is_plain = text % 2 == 0;
  const auto word = at / 8;
  if (is_plain) {
    constexpr std::string_view kWords = "SET key value ";
    return at % 8 < 3 ? static_cast<char>(word >> (8 * (at % 8))) : kWords[word % 13];
  }
  return static_cast<char>(sim::Random::mix(word * 2654435761 + text) >> (8 * (at % 8)));
}

inline std::string text_from(std::uint64_t text, std::uint64_t at, std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t n = 0; n < count; ++n) bytes[n] = byte_at(text, at + n);
  return bytes;
}

// What one direction has carried so far.
struct Flow {
  std::uint64_t text = 0;
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  bool is_wrong = false;
  std::optional<Error> write_end{};
  std::optional<Error> read_end{};
};

// Reads and checks until the end, with rests if `rest` is given.
inline rt::Task<void> read_all(sim::Host& host, rt::Stream& stream, Flow& flow, rt::Duration rest) {
  for (;;) {
    auto count = co_await stream.read_some(host.read_buffer());
    if (!count) {
      flow.read_end = count.error();
      co_return;
    }
    for (std::size_t n = 0; n < *count; ++n) {
      if (host.read_buffer()[n] != byte_at(flow.text, flow.read + n)) flow.is_wrong = true;
    }
    flow.read += *count;
    if (rest > rt::Duration{0}) co_await rt::sleep(host, rest);
  }
}

// Writes up to `end` in pieces, with rests if `rest` is given.
inline rt::Task<void> write_all(sim::Host& host, rt::Stream& stream, Flow& flow, std::uint64_t end,
                                std::size_t piece, rt::Duration rest) {
  while (flow.written < end) {
    const auto count = std::min<std::uint64_t>(piece, end - flow.written);
    const auto bytes = text_from(flow.text, flow.written, static_cast<std::size_t>(count));
    auto written = co_await stream.write(bytes);
    if (!written) {
      flow.write_end = written.error();
      co_return;
    }
    flow.written += count;
    if (rest > rt::Duration{0}) co_await rt::sleep(host, rest);
  }
}

// Accepts connections as a relay does and keeps the tunnels that end here.
class Acceptor {
 public:
  Acceptor(sim::Host& host, Options options)
      : host_(host),
        gate_(host),
        tunnels(host, std::move(options)),
        listener_(*host.network().listen({"", 7000}, std::nullopt)) {
    gate_.spawn(run());
  }

  rt::Task<void> stop() {
    listener_->close();
    for (const auto& connection : reading_) connection->close();
    streams.clear();
    tunnels.close();
    gate_.close();
    co_await tunnels.closed();
    co_await gate_.closed();
  }

 private:
  sim::Host& host_;
  rt::Gate gate_;
  std::vector<rt::Stream*> reading_;

 public:
  Tunnels tunnels;
  std::vector<std::unique_ptr<rt::Stream>> streams;
  std::vector<tunnel::RouteLine> lines;
  tunnel::Answer answer{};    // to every route
  bool answers_pings = true;  // else it closes, as a relay of the field does
  bool is_dying = false;      // it closes every connection that asks something
  std::string identity = "peer";

 private:
  rt::Task<void> run() {
    for (;;) {
      auto connection = co_await listener_->accept();
      if (!connection) co_return;
      gate_.spawn(serve(*std::move(connection)));
    }
  }

  rt::Task<void> serve(std::unique_ptr<rt::Stream> connection) {
    tunnel::LineReader reader;
    std::string pending;
    std::array<char, 4096> bytes{};
    reading_.push_back(connection.get());
    for (;;) {
      if (pending.empty()) {
        auto count = co_await connection->read_some(bytes);
        if (!count) break;
        pending.assign(bytes.data(), *count);
      }
      auto taken = reader.take(pending);
      if (!taken) break;
      pending.erase(0, taken->consumed);
      if (!taken->line) continue;
      const auto line = tunnel::parse_line(*taken->line);
      if (!line) break;
      if (const auto* ping = std::get_if<tunnel::PingLine>(&*line)) {
        if (is_dying || (ping->sluice && !answers_pings)) break;
        const tunnel::Pong pong{.direct = {"relay", 7000}, .sluice = ping->sluice};
        const auto wire = tunnel::print(pong);
        (void)co_await connection->write(wire);
        continue;
      }
      std::erase(reading_, connection.get());
      take(std::move(connection), std::get<tunnel::RouteLine>(*line), pending);
      co_return;
    }
    std::erase(reading_, connection.get());
  }

  void take(std::unique_ptr<rt::Stream> connection, const tunnel::RouteLine& line,
            std::string_view rest) {
    lines.push_back(line);
    auto accepted = tunnels.accept(std::move(connection), line, rest, identity);
    if (!accepted || !accepted->stream) return;
    if (accepted->tunnel) accepted->tunnel->answer(answer);
    streams.push_back(std::move(accepted->stream));
  }

  std::unique_ptr<rt::Listener> listener_;
};

}  // namespace sluice::hop
