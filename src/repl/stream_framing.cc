#include "repl/stream_framing.h"

#include <algorithm>

namespace sluice::repl {

Result<StreamFraming::Step> StreamFraming::next(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (phase_ == Phase::kBody) return take_body(bytes);
    TRY(const Step step, take(bytes.front()));
    bytes.remove_prefix(1);
    if (step.event != Event::kNone) return step;
  }
  return Step{};
}

Result<StreamFraming::Step> StreamFraming::take_body(std::string_view& bytes) {
  const auto count = std::min<std::uint64_t>(body_left_, bytes.size());
  const auto piece = bytes.substr(0, count);
  bytes.remove_prefix(count);
  body_left_ -= count;
  if (body_left_ == 0) phase_ = Phase::kBodyCr;
  return Step{Event::kBody, piece};
}

Result<StreamFraming::Step> StreamFraming::take(char byte) {
  switch (phase_) {
    case Phase::kStart:
      return start(byte);
    case Phase::kBlankLf:
    case Phase::kBodyLf:
      if (byte != '\n') return fail(Errc::kProtocol, "expected LF");
      return end_of_argument();
    case Phase::kCount:
      return digit(byte, kArgumentsMax);
    case Phase::kLength:
      return digit(byte, kArgumentBytesMax);
    case Phase::kCountLf:
    case Phase::kLengthLf:
      if (byte != '\n') return fail(Errc::kProtocol, "expected LF");
      return end_of_number();
    case Phase::kArgument:
      digits_ = 0;
      number_ = 0;
      return expect(byte, '$', Phase::kLength);
    case Phase::kBodyCr:
      return expect(byte, '\r', Phase::kBodyLf);
    case Phase::kBody:
      break;
  }
  return fail(Errc::kProtocol, "unreachable");
}

Result<StreamFraming::Step> StreamFraming::start(char byte) {
  digits_ = 0;
  number_ = 0;
  if (byte == '\n') return Step{Event::kBlank, {}};
  if (byte == '\r') {
    phase_ = Phase::kBlankLf;
    return Step{};
  }
  return expect(byte, '*', Phase::kCount);
}

Result<StreamFraming::Step> StreamFraming::digit(char byte, std::uint64_t max) {
  const bool leading_zero = digits_ > 0 && number_ == 0;
  if (byte == '\r') {
    if (digits_ == 0) return fail(Errc::kProtocol, "expected a number");
    if (phase_ == Phase::kCount && number_ == 0) {
      return fail(Errc::kProtocol, "a command without arguments");
    }
    phase_ = phase_ == Phase::kCount ? Phase::kCountLf : Phase::kLengthLf;
    return Step{};
  }
  if (byte < '0' || byte > '9' || leading_zero) {
    return fail(Errc::kProtocol, "expected a number and CR LF");
  }
  number_ = number_ * 10 + static_cast<std::uint64_t>(byte - '0');
  ++digits_;
  if (number_ > max) return fail(Errc::kProtocol, "a length beyond every limit");
  return Step{};
}

Result<StreamFraming::Step> StreamFraming::end_of_number() {
  if (phase_ == Phase::kCountLf) {
    arguments_ = static_cast<std::uint32_t>(number_);
    arguments_left_ = arguments_;
    phase_ = Phase::kArgument;
    return Step{Event::kCommand, {}};
  }
  argument_bytes_ = number_;
  body_left_ = number_;
  phase_ = number_ == 0 ? Phase::kBodyCr : Phase::kBody;
  return Step{Event::kArgument, {}};
}

Result<StreamFraming::Step> StreamFraming::expect(char byte, char wanted, Phase next) {
  if (byte != wanted) {
    const std::string name = wanted == '\r' ? "CR" : std::string("'") + wanted + "'";
    return fail(Errc::kProtocol, "expected " + name);
  }
  phase_ = next;
  return Step{};
}

Result<StreamFraming::Step> StreamFraming::end_of_argument() {
  const bool blank = phase_ == Phase::kBlankLf;
  if (!blank) --arguments_left_;
  phase_ = arguments_left_ == 0 ? Phase::kStart : Phase::kArgument;
  return Step{blank ? Event::kBlank : Event::kArgumentEnd, {}};
}

}  // namespace sluice::repl
