#include <benchmark/benchmark.h>
#include <string>

#include "repl/stream_scanner.h"

namespace sluice::repl {
namespace {

std::string sets(std::size_t value_bytes, std::size_t stream_bytes) {
  std::string stream;
  const std::string value(value_bytes, 'x');
  for (int i = 0; stream.size() < stream_bytes; ++i) {
    auto key = std::to_string(i % 10'000'000);
    key.insert(0, 12 - key.size(), '0');
    stream.append("*3\r\n$3\r\nSET\r\n$16\r\nkey:").append(key);
    stream.append("\r\n$").append(std::to_string(value_bytes));
    stream.append("\r\n").append(value).append("\r\n");
  }
  return stream;
}

// Arguments: bytes of a value, bytes of a feed. Reports seconds per byte and per command.
void scan_sets(benchmark::State& state) {
  const auto stream = sets(static_cast<std::size_t>(state.range(0)), 8U << 20);
  const auto piece = static_cast<std::size_t>(state.range(1));
  std::uint64_t commands = 0;
  for (auto _ : state) {
    StreamScanner scanner(Mark{});
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      if (!scanner.feed(std::string_view(stream).substr(at, piece))) std::abort();
    }
    commands += scanner.commands();
  }
  const auto bytes = static_cast<double>(stream.size()) * static_cast<double>(state.iterations());
  state.counters["per_byte"] =
      benchmark::Counter(bytes, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["per_command"] = benchmark::Counter(
      static_cast<double>(commands), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(scan_sets)->ArgsProduct({{3, 8, 64, 1024, 65536}, {1460, 65536, 262144}});

}  // namespace
}  // namespace sluice::repl

BENCHMARK_MAIN();
