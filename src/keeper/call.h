// One command being answered: what it may read, what it may change, what it leaves behind.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "keeper/action.h"
#include "keeper/reply.h"
#include "keeper/session_state.h"
#include "keeper/view.h"
#include "resp/integer.h"

namespace sluice::keeper {

using Argv = std::span<const std::string_view>;

struct Call {
  const View& view;
  SessionState& session;
  Argv argv;
  Moment at;
  bool is_in_transaction;
  Reply reply;
  std::optional<Action> action;
  bool close = false;
};

// The errors that many commands share, as Redis words them (object.c, server.c).
inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotInteger = "ERR value is not an integer or out of range";

bool same_word(std::string_view a, std::string_view b);  // without regard to case
std::string lower_case(std::string_view text);
using resp::parse_integer;
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace sluice::keeper
