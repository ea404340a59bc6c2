// A server's bytes, fed whole and in pieces: the same replies and the same refusal.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "resp/reply_reader.h"

namespace sluice::resp {
namespace {

struct Seen {
  std::vector<Reply> replies;
  std::string error;
};

// As ==, but a double that is not a number equals itself.
bool same(const Reply& a, const Reply& b) {
  if (a.kind != b.kind || a.text != b.text || a.integer != b.integer) return false;
  if (a.elements.size() != b.elements.size()) return false;
  for (std::size_t i = 0; i < a.elements.size(); ++i) {
    if (!same(a.elements[i], b.elements[i])) return false;
  }
  return true;
}

bool same(const Seen& a, const Seen& b) {
  if (a.error != b.error || a.replies.size() != b.replies.size()) return false;
  for (std::size_t i = 0; i < a.replies.size(); ++i) {
    if (!same(a.replies[i], b.replies[i])) return false;
  }
  return true;
}

Seen read(std::string_view wire, std::size_t step) {
  ReplyReader reader({.bytes = 1U << 20, .elements = 1000, .depth = 8, .line_bytes = 1000});
  Seen seen;
  for (std::size_t at = 0; at < wire.size() && seen.error.empty(); at += step) {
    const std::string piece(wire.substr(at, step));
    reader.feed(piece);
    for (bool more = true; more;) {
      auto reply = reader.next();
      if (!reply) seen.error = reply.error().detail;
      more = reply && *reply;
      if (more) seen.replies.push_back(**std::move(reply));
    }
  }
  return seen;
}

}  // namespace
}  // namespace sluice::resp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view wire{reinterpret_cast<const char*>(bytes), count};
  const auto whole = sluice::resp::read(wire, count + 1);
  CHECK(sluice::resp::same(sluice::resp::read(wire, 1), whole));
  CHECK(sluice::resp::same(sluice::resp::read(wire, 5), whole));
  return 0;
}
