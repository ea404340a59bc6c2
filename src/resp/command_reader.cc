#include "resp/command_reader.h"

#include <algorithm>

#include "resp/inline_command.h"
#include "resp/integer.h"

namespace sluice::resp {
namespace {

constexpr std::size_t kIdleBufferBytes = 4096;

}  // namespace

void CommandReader::feed(std::string_view bytes) {
  if (start_ == source().size()) {  // nothing is pending
    own_.clear();
    start_ = at_ = 0;
    fed_ = bytes;
    return;
  }
  if (own_.empty()) {
    own_.assign(fed_.substr(start_));
    at_ -= start_;
    start_ = 0;
  }
  own_.append(bytes);
}

Result<std::optional<Command>> CommandReader::next() {
  if (failed_) return tl::unexpected(*failed_);
  Result<Parsed> parsed = Parsed::kEmpty;
  while (parsed && *parsed == Parsed::kEmpty) {
    skip_command();
    parsed = parse();
  }
  if (parsed && *parsed == Parsed::kWhole) return whole();
  auto kept = parsed ? keep_the_rest() : Result<>(tl::unexpected(parsed.error()));
  if (kept) return std::nullopt;
  failed_ = kept.error();
  return tl::unexpected(*failed_);
}

// Leaves a finished command behind; one that is only begun stays.
void CommandReader::skip_command() {
  if (arguments_left_ != 0) return;
  start_ = at_;
  parts_.clear();
}

Result<CommandReader::Parsed> CommandReader::parse() {
  if (at_ == source().size()) return Parsed::kNeedsBytes;
  if (arguments_left_ == 0 && source()[at_] != '*') return parse_line();
  return parse_multibulk();
}

Result<CommandReader::Parsed> CommandReader::parse_line() {
  const auto rest = source().substr(at_, limits_.line_bytes + 1);
  const auto end = rest.find('\n');
  if (std::min(end, rest.size()) > limits_.line_bytes) {
    return fail(Errc::kProtocol, "Protocol error: too big inline request");
  }
  if (end == std::string_view::npos) return Parsed::kNeedsBytes;
  auto words = split_inline(rest.substr(0, end));
  if (!words) return fail(Errc::kProtocol, "Protocol error: unbalanced quotes in request");
  line_ = *std::move(words);
  at_ += end + 1;
  return line_.empty() ? Parsed::kEmpty : Parsed::kWhole;
}

Result<CommandReader::Parsed> CommandReader::parse_multibulk() {
  if (arguments_left_ == 0) {
    TRY(const auto parsed, parse_count());
    if (parsed != Parsed::kWhole) return parsed;
  }
  while (arguments_left_ > 0) {
    TRY(const auto parsed, parse_argument());
    if (parsed != Parsed::kWhole) return parsed;
  }
  return Parsed::kWhole;
}

Result<CommandReader::Parsed> CommandReader::parse_count() {
  constexpr std::string_view kInvalid = "Protocol error: invalid multibulk length";
  TRY(const auto count, header("Protocol error: too big mbulk count string", kInvalid));
  if (!count) return Parsed::kNeedsBytes;
  if (*count > limits_.arguments) return fail(Errc::kProtocol, std::string(kInvalid));
  if (!limits_.is_authenticated && *count > CommandLimits::kUnauthenticatedArguments) {
    return fail(Errc::kProtocol, "Protocol error: unauthenticated multibulk length");
  }
  if (*count <= 0) return Parsed::kEmpty;
  arguments_left_ = *count;
  bulk_bytes_.reset();
  line_.clear();
  return Parsed::kWhole;
}

Result<CommandReader::Parsed> CommandReader::parse_argument() {
  if (!bulk_bytes_) {
    constexpr std::string_view kInvalid = "Protocol error: invalid bulk length";
    if (at_ == source().size()) return Parsed::kNeedsBytes;
    if (const char c = source()[at_]; c != '$') {
      return fail(Errc::kProtocol, std::string("Protocol error: expected '$', got '") + c + "'");
    }
    TRY(const auto length, header("Protocol error: too big bulk count string", kInvalid));
    if (!length) return Parsed::kNeedsBytes;
    if (*length < 0 || *length > limits_.bulk_bytes) {
      return fail(Errc::kProtocol, std::string(kInvalid));
    }
    if (!limits_.is_authenticated && *length > CommandLimits::kUnauthenticatedBulkBytes) {
      return fail(Errc::kProtocol, "Protocol error: unauthenticated bulk length");
    }
    bulk_bytes_ = static_cast<std::size_t>(*length);
  }
  if (source().size() - at_ < *bulk_bytes_ + 2) return Parsed::kNeedsBytes;
  parts_.push_back({.begin = at_ - start_, .length = *bulk_bytes_});
  at_ += *bulk_bytes_ + 2;
  bulk_bytes_.reset();
  --arguments_left_;
  return Parsed::kWhole;
}

// The number between the type byte at at_ and its CR LF, which are passed over; nothing if the
// line is not whole.
Result<std::optional<std::int64_t>> CommandReader::header(std::string_view too_big,
                                                          std::string_view invalid) {
  const auto rest = source().substr(at_, limits_.line_bytes + 2);
  const auto end = rest.find('\r');
  if (std::min(end, rest.size()) > limits_.line_bytes) {
    return fail(Errc::kProtocol, std::string(too_big));
  }
  if (end == std::string_view::npos || end + 1 == rest.size()) return std::nullopt;
  const auto number = parse_integer(rest.substr(1, end - 1));
  if (!number) return fail(Errc::kProtocol, std::string(invalid));
  at_ += end + 2;
  return number;
}

Command CommandReader::whole() {
  arguments_.clear();
  for (const auto& word : line_) arguments_.push_back(word);
  const auto bytes = source().substr(start_);
  for (const auto& part : parts_) arguments_.push_back(bytes.substr(part.begin, part.length));
  return arguments_;
}

Result<> CommandReader::keep_the_rest() {
  if (pending_bytes() > limits_.query_bytes) {
    return fail(Errc::kProtocol, "Protocol error: command exceeds the query buffer limit");
  }
  if (own_.empty()) {
    own_.assign(fed_.substr(start_));
  } else {
    own_.erase(0, start_);
  }
  at_ -= start_;
  start_ = 0;
  fed_ = {};
  if (own_.empty() && own_.capacity() > kIdleBufferBytes) own_ = {};
  return {};
}

}  // namespace sluice::resp
