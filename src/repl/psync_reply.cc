#include "repl/psync_reply.h"

#include <charconv>
#include <cstdint>
#include <system_error>

#include "resp/writer.h"

namespace sluice::repl {
namespace {

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

std::string quoted(std::string_view line) {
  constexpr std::size_t kShown = 120;
  return "upstream answered PSYNC with '" + std::string(line.substr(0, kShown)) + "'";
}

Result<PsyncReply> full_resync(std::string_view words) {
  const auto space = words.find(' ');
  if (space == std::string_view::npos) return fail(Errc::kProtocol, quoted(words));
  TRY(const auto id, ReplId::parse(words.substr(0, space)));
  const auto digits = words.substr(space + 1);
  std::uint64_t offset = 0;
  const auto* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, offset);
  if (error != std::errc{} || end != last) return fail(Errc::kProtocol, quoted(words));
  return FullResyncBegun{Position{id, Offset{offset}}};
}

}  // namespace

std::string psync_command(const std::optional<Position>& from) {
  std::string wire;
  if (!from) {
    resp::append_command(wire, {"PSYNC", "?", "-1"});
    return wire;
  }
  const auto next_byte = std::to_string(from->offset.bytes() + 1);
  resp::append_command(wire, {"PSYNC", from->id.text(), next_byte});
  return wire;
}

Result<PsyncReply> parse_psync_reply(std::string_view line) {
  constexpr std::string_view kFull = "+FULLRESYNC ";
  constexpr std::string_view kContinue = "+CONTINUE";
  if (starts_with(line, kFull)) return full_resync(line.substr(kFull.size()));
  if (line == kContinue) return Continued{};
  if (starts_with(line, kContinue)) {
    TRY(const auto id, ReplId::parse(line.substr(kContinue.size() + 1)));
    return Continued{id};
  }
  if (starts_with(line, "-NOMASTERLINK") || starts_with(line, "-LOADING") ||
      starts_with(line, "-BUSY") || starts_with(line, "-MASTERDOWN")) {
    return fail(Errc::kBusy, quoted(line));
  }
  if (starts_with(line, "-")) return fail(Errc::kRejected, quoted(line));
  return fail(Errc::kProtocol, quoted(line));
}

}  // namespace sluice::repl
