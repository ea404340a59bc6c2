#include "tunnel/line_reader.h"

#include <algorithm>

#include "tunnel/route.h"

namespace sluice::tunnel {

namespace {

constexpr std::string_view kStart = "+PROXY";

bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

std::string upper(std::string_view text) {
  std::string word(text);
  for (auto& c : word) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return word;
}

// Wrong bytes in hex: they may be anything, and end in a log.
std::string shown(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_printable(c)) {
      text += c;
    } else {
      text += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
    }
  }
  return text;
}

// `line` is all that has come of it, without a CR at its end.
Result<> check(std::string_view line, bool is_whole) {
  const auto start = upper(line.substr(0, kStart.size()));
  const bool is_start = is_whole ? start == kStart : kStart.starts_with(start);
  if (!is_start) {
    return fail(Errc::kProtocol, "the line starts with '" + shown(line.substr(0, kStart.size())) +
                                     "': write +PROXY ROUTE, PING or MONITOR");
  }
  const auto* const odd = std::ranges::find_if_not(line, is_printable);
  if (odd == line.end()) return {};
  return fail(Errc::kProtocol, "byte " + std::to_string(odd - line.begin()) + " of the line is '" +
                                   shown({odd, 1}) + "': write printable ASCII up to CR LF");
}

}  // namespace

Result<LineReader::Taken> LineReader::take(std::string_view bytes) {
  const std::size_t before = pending_.size();
  const std::size_t room = kLineBytesMax - before;
  pending_.append(bytes.substr(0, room));
  const auto end = pending_.find("\r\n", before == 0 ? 0 : before - 1);
  std::string_view line = std::string_view(pending_).substr(0, end);
  if (end == std::string::npos && line.ends_with('\r')) line.remove_suffix(1);
  TRY_VOID(check(line, end != std::string::npos));
  if (end != std::string::npos) {
    Taken taken{.consumed = end + 2 - before, .line = std::string(line)};
    pending_.clear();
    return taken;
  }
  if (pending_.size() == kLineBytesMax) {
    return fail(Errc::kProtocol, "no CR LF within " + std::to_string(kLineBytesMax) +
                                     " bytes: a line is at most so long, with its CR LF");
  }
  return Taken{.consumed = pending_.size() - before};
}

}  // namespace sluice::tunnel
