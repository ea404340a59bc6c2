// Lines as a hostile peer may send them: refused with a reason, or understood and written back.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "tunnel/line_reader.h"
#include "tunnel/route.h"

namespace sluice::tunnel {
namespace {

void read_back(const std::string& wire, const Line& line) {
  const auto again = parse_line(std::string_view(wire).substr(0, wire.size() - 2));
  CHECK(again && *again == line);
}

void read(const Line& line) {
  if (const auto* route = std::get_if<RouteLine>(&line)) {
    if (const auto wire = print(*route)) read_back(*wire, line);
    const auto next = forwarded(*route, "127.0.0.1:1");
    CHECK(!next || next->route.size() + 1 == route->route.size());
  }
  if (const auto* ping = std::get_if<PingLine>(&line)) read_back(print(*ping), line);
  if (const auto* monitor = std::get_if<MonitorLine>(&line)) read_back(print(*monitor), line);
}

}  // namespace
}  // namespace sluice::tunnel

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  namespace tunnel = sluice::tunnel;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  std::string_view text{reinterpret_cast<const char*>(bytes), count};
  (void)tunnel::parse_pong(text);
  tunnel::LineReader reader;
  while (!text.empty()) {
    const auto taken = reader.take(text);
    if (!taken) return 0;
    CHECK(taken->consumed > 0);
    text.remove_prefix(taken->consumed);
    if (!taken->line) continue;
    const auto line = tunnel::parse_line(*taken->line);
    if (line) tunnel::read(*line);
    CHECK(line || !line.error().detail.empty());
  }
  return 0;
}
