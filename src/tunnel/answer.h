// What became of a route: the answer to ROUTE, and the reason of a reset.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::tunnel {

// Numbers on the wire: never reuse one.
enum class AnswerCode : std::uint16_t {
  kOk = 0,           // every hop up to the destination is connected
  kBadRoute = 1,     // the line cannot be followed
  kNotAllowed = 2,   // the hop's allow-list does not name the next node
  kUnreachable = 3,  // the next node refuses, or is not there
  kTimedOut = 4,     // the next node does not answer
  kBusy = 5,         // a limit of the hop is reached, or it is being drained
  kGone = 6,         // the tunnel was given up
  kProtocol = 7      // a frame that cannot be
};

struct Answer {
  AnswerCode code = AnswerCode::kOk;
  std::string hop{};     // the relay that says so: its name or address
  std::string detail{};  // for people

  bool is_ok() const { return code == AnswerCode::kOk; }
  friend bool operator==(const Answer&, const Answer&) = default;
};

// As payload of a frame, cut to what fits there, and back.
std::string encode(const Answer& answer);
Answer decode_answer(std::uint16_t code, std::string_view payload);

// "relay-b: 10.0.0.7:6379 refuses", with the Errc its reaction asks for.
Error to_error(const Answer& answer);

// The answer that tells of `why`, which a relay called `hop` met on the way.
Answer to_answer(const Error& why, std::string hop);

}  // namespace sluice::tunnel
