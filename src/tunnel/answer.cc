#include "tunnel/answer.h"

#include <algorithm>

#include "tunnel/frame.h"

namespace sluice::tunnel {

namespace {

// It ends in logs and terminals.
std::string printable(std::string_view text) {
  std::string clean(text);
  std::ranges::replace_if(clean, [](char c) { return c < ' ' || c > '~'; }, '?');
  return clean;
}

Errc errc_of(AnswerCode code) {
  switch (code) {
    case AnswerCode::kBadRoute:
    case AnswerCode::kNotAllowed:
      return Errc::kRejected;
    case AnswerCode::kTimedOut:
      return Errc::kTimedOut;
    case AnswerCode::kBusy:
      return Errc::kBusy;
    case AnswerCode::kProtocol:
      return Errc::kProtocol;
    case AnswerCode::kOk:
    case AnswerCode::kUnreachable:
    case AnswerCode::kGone:
      return Errc::kDisconnected;
  }
  return Errc::kDisconnected;  // a code of a later version
}

AnswerCode code_of(Errc code) {
  switch (code) {
    case Errc::kRejected:
      return AnswerCode::kNotAllowed;
    case Errc::kTimedOut:
      return AnswerCode::kTimedOut;
    case Errc::kBusy:
      return AnswerCode::kBusy;
    case Errc::kProtocol:
      return AnswerCode::kProtocol;
    case Errc::kCancelled:
      return AnswerCode::kGone;
    case Errc::kDisconnected:
    case Errc::kNotFound:
    case Errc::kCorrupt:
    case Errc::kNoSpace:
    case Errc::kDiskFailed:
      return AnswerCode::kUnreachable;
  }
  return AnswerCode::kUnreachable;
}

}  // namespace

std::string encode(const Answer& answer) {
  auto text = printable(answer.hop) + "\n" + printable(answer.detail);
  text.resize(std::min(text.size(), kTextBytesMax));
  return text;
}

Answer decode_answer(std::uint16_t code, std::string_view payload) {
  const auto line = std::min(payload.find('\n'), payload.size());
  const auto detail = payload.substr(std::min(line + 1, payload.size()));
  return {static_cast<AnswerCode>(code), printable(payload.substr(0, line)), printable(detail)};
}

Error to_error(const Answer& answer) {
  return {errc_of(answer.code), answer.hop + ": " + answer.detail};
}

Answer to_answer(const Error& why, std::string hop) {
  return {code_of(why.code), std::move(hop), why.detail};
}

}  // namespace sluice::tunnel
