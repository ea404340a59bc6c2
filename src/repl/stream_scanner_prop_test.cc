#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <string>
#include <tuple>
#include <vector>

#include "base/steps_test.h"
#include "repl/stream_scanner.h"

namespace sluice::repl {
namespace {

using Command = std::vector<std::string>;

std::string encode(const Command& command) {
  std::string wire = "*" + std::to_string(command.size()) + "\r\n";
  for (const auto& argument : command) {
    wire += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return wire;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? c | 32 : c; });
  return text;
}

// What a scanner should say, by definition: command after command.
struct Model {
  std::uint64_t end = 0;
  Mark boundary;
  std::uint32_t db = 0;
  bool in_multi = false;

  void take(const Command& command) {
    end += encode(command).size();
    const auto name = lower(command[0]);
    if (command == Command{"MULTI"} || command == Command{"multi"}) in_multi = true;
    if (command.size() == 1 && name == "exec") in_multi = false;
    if (command.size() == 2 && name == "select") db = static_cast<unsigned>(std::stoi(command[1]));
    if (!in_multi) boundary = {Offset{end}, db};
  }
};

rc::Gen<std::string> any_value() {
  const auto short_text = rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  const auto long_text = rc::gen::map(rc::gen::inRange<std::size_t>(0, 400),
                                      [](std::size_t n) { return std::string(n, '*'); });
  return rc::gen::oneOf(short_text, long_text);
}

rc::Gen<Command> any_command() {
  const std::vector<Command> known{{"MULTI"},
                                   {"multi"},
                                   {"EXEC"},
                                   {"Exec"},
                                   {"SELECT", "0"},
                                   {"select", "12"},
                                   {"PING"},
                                   {"REPLCONF", "GETACK", "*"},
                                   {"REPLCONF", "ACK", "1"},
                                   {"MULTI", "2"},
                                   {"PEXPIREAT", "key", "1700000000000"},
                                   {"ZRANGESTORE", "a", "b", "0", "1"},
                                   {"DEL", "a"},
                                   {"UNLINK", "key"},
                                   {"EXPIREAT", "k", "1"},
                                   {""},
                                   {"", ""},
                                   {"RESTORE-ASKING", "k", "0", "v"}};
  const auto write = rc::gen::map(rc::gen::pair(any_value(), any_value()), [](const auto& pair) {
    return Command{"SET", pair.first, pair.second};
  });
  const auto many = rc::gen::map(rc::gen::container<Command>(any_value()), [](Command values) {
    values.insert(values.begin(), "SADD");
    return values;
  });
  return rc::gen::weightedOneOf<Command>({{3, rc::gen::elementOf(known)}, {3, write}, {1, many}});
}

using Outcome = std::tuple<std::uint64_t, Mark, std::uint64_t, std::string>;

Outcome outcome(const StreamScanner& scanner, const Result<>& fed) {
  return {scanner.end().bytes(), scanner.boundary(), scanner.commands(),
          fed ? "" : fed.error().detail};
}

// In pieces; a failing piece is fed again byte by byte, so that outcomes may be compared.
Outcome scan(const std::string& wire, std::size_t step_max) {
  StreamScanner scanner(Mark{});
  Steps steps(step_max);
  for (std::size_t at = 0; at < wire.size();) {
    const auto step = steps.next();
    const std::string piece = wire.substr(at, step);  // on its own, for ASan to watch
    at += step;
    if (scanner.feed(piece)) continue;
    for (const char byte : piece) {
      if (const auto fed = scanner.feed({&byte, 1}); !fed) return outcome(scanner, fed);
    }
    return {};  // it took in bytes what it refused in one
  }
  return outcome(scanner, {});
}

RC_GTEST_PROP(StreamScanner, AgreesWithAPlainParserHoweverTheStreamIsSplit, ()) {
  const auto commands = *rc::gen::container<std::vector<Command>>(any_command());
  Model model;
  std::string wire;
  for (const auto& command : commands) {
    model.take(command);
    wire += encode(command);
  }
  const Outcome expected{model.end, model.boundary, commands.size(), ""};
  RC_ASSERT(scan(wire, wire.size() + 1) == expected);
  RC_ASSERT(scan(wire, 200) == expected);
  RC_ASSERT(scan(wire, 1) == expected);
}

RC_GTEST_PROP(StreamScanner, SaysTheSameOfADamagedStreamHoweverItIsSplit, ()) {
  std::string wire;
  for (const auto& command : *rc::gen::container<std::vector<Command>>(any_command())) {
    wire += encode(command);
  }
  RC_PRE(!wire.empty());
  const auto at = *rc::gen::inRange<std::size_t>(0, wire.size());
  wire[at] = *rc::gen::oneOf(rc::gen::element('\r', '\n', '*', '$', '0', '1', '9', '-', ' '),
                             rc::gen::arbitrary<char>());
  const auto expected = scan(wire, 1);
  RC_ASSERT(scan(wire, wire.size() + 1) == expected);
  RC_ASSERT(scan(wire, 100) == expected);
}

}  // namespace
}  // namespace sluice::repl
