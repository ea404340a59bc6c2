#include <cstdint>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <string>
#include <vector>

#include "base/steps_test.h"
#include "resp/reply_reader.h"
#include "resp/writer.h"

namespace sluice::resp {
namespace {

using Kind = Reply::Kind;

struct Seen {
  std::vector<Reply> replies;
  std::string error;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen read(const std::string& wire, std::size_t step_max) {
  ReplyReader reader;
  Steps steps(step_max);
  Seen seen;
  for (std::size_t at = 0; at < wire.size() && seen.error.empty();) {
    const auto step = steps.next();
    const std::string piece = wire.substr(at, step);  // on its own, for ASan to watch
    reader.feed(piece);
    at += step;
    for (bool more = true; more;) {
      auto reply = reader.next();
      if (!reply) seen.error = reply.error().detail;
      more = reply && *reply;
      if (more) seen.replies.push_back(**std::move(reply));
    }
  }
  return seen;
}

// Writes a reply of a random shape and returns what should be read.
Reply write_any(std::string& wire, int depth) {
  const int kind = *rc::gen::inRange(0, depth > 3 ? 4 : 6);
  const auto text = *rc::gen::arbitrary<std::string>();
  switch (kind) {
    case 0:
      append_integer(wire, static_cast<std::int64_t>(text.size()));
      return {.kind = Kind::kInteger,
              .text = {},
              .integer = static_cast<std::int64_t>(text.size()),
              .elements = {}};
    case 1:
      append_bulk(wire, text);
      return {.kind = Kind::kBulk, .text = text, .elements = {}};
    case 2:
      append_error(wire, "ERR " + std::to_string(text.size()));
      return {.kind = Kind::kError, .text = "ERR " + std::to_string(text.size()), .elements = {}};
    case 3:
      append_null(wire, text.empty() ? Protocol::kResp2 : Protocol::kResp3);
      return {};
    default:
      break;
  }
  const auto count = *rc::gen::inRange<std::size_t>(0, 4);
  Reply reply{.kind = kind == 4 ? Kind::kArray : Kind::kMap, .text = {}, .elements = {}};
  if (kind == 4) append_array(wire, count);
  if (kind == 5) append_map(wire, count, Protocol::kResp3);
  for (std::size_t i = 0; i < count * (kind == 5 ? 2 : 1); ++i) {
    reply.elements.push_back(write_any(wire, depth + 1));
  }
  return reply;
}

RC_GTEST_PROP(ReplyReader, ReadsWhatWasWrittenHoweverItIsSplit, ()) {
  std::string wire;
  Seen expected;
  const auto count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) expected.replies.push_back(write_any(wire, 0));
  RC_ASSERT(read(wire, 7) == expected);
}

RC_GTEST_PROP(ReplyReader, ReadsAnyBytesTheSameHoweverTheyAreSplit, ()) {
  const auto piece = rc::gen::element<std::string>(
      "*2\r\n", "$1\r\n", "a\r\n", "%1\r\n", "\r\n", "+OK\r\n", ":1\r\n", "|1\r\n", "$-1\r\n", "\n",
      "=5\r\ntxt:a\r\n", "~0\r\n", "_\r\n", "\r", ",1\r\n", "#t\r\n");
  std::string wire;
  for (const auto& text : *rc::gen::container<std::vector<std::string>>(piece)) wire += text;
  RC_ASSERT(read(wire, 2) == read(wire, wire.size() + 1));
}

}  // namespace
}  // namespace sluice::resp
