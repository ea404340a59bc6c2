#include <cstdint>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <string>
#include <vector>

#include "base/steps_test.h"
#include "resp/command_reader.h"

namespace sluice::resp {
namespace {

using Words = std::vector<std::string>;

std::string encode(const Words& words) {
  std::string wire = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) {
    wire += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return wire;
}

// Everything that was read, with the error at its end if there was one.
void drain(CommandReader& reader, std::vector<Words>& seen) {
  while (true) {
    const auto command = reader.next();
    if (!command) {
      if (seen.empty() || seen.back() != Words{command.error().detail}) {
        seen.push_back({command.error().detail});
      }
      return;
    }
    if (!*command) return;
    seen.emplace_back((*command)->begin(), (*command)->end());
  }
}

std::vector<Words> read_in_steps(const std::string& wire, std::size_t step_max) {
  CommandReader reader;
  Steps steps(step_max);
  std::vector<Words> seen;
  for (std::size_t at = 0; at < wire.size();) {
    const auto step = steps.next();
    const std::string piece = wire.substr(at, step);  // on its own, for ASan to watch
    reader.feed(piece);
    drain(reader, seen);
    at += step;
  }
  return seen;
}

RC_GTEST_PROP(CommandReader, ReadsTheSameCommandsHoweverTheBytesAreSplit, ()) {
  const auto words = rc::gen::nonEmpty(rc::gen::arbitrary<Words>());
  const auto commands = *rc::gen::container<std::vector<Words>>(words);
  std::string wire;
  for (const auto& command : commands) wire += encode(command);
  RC_ASSERT(read_in_steps(wire, 9) == commands);
}

RC_GTEST_PROP(CommandReader, ReadsAnyBytesTheSameHoweverTheyAreSplit, ()) {
  const auto piece =
      rc::gen::element<std::string>("*2\r\n", "$1\r\n", "a\r\n", "*1\r\n", "\r\n", "\"", "PING",
                                    " ", "$-1\r\n", "\n", "'", "*0\r\n");
  std::string wire;
  for (const auto& text : *rc::gen::container<Words>(piece)) wire += text;

  CommandReader reader;
  std::vector<Words> whole;
  reader.feed(wire);
  drain(reader, whole);
  RC_ASSERT(read_in_steps(wire, 3) == whole);
}

}  // namespace
}  // namespace sluice::resp
