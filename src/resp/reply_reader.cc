#include "resp/reply_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "resp/integer.h"

namespace sluice::resp {
namespace {

using Kind = Reply::Kind;

constexpr std::size_t kReserveMax = 64U << 10;
constexpr std::size_t kFormatBytes = 4;  // "txt:" before a verbatim string

tl::unexpected<Error> broken(std::string_view what) {
  return fail(Errc::kProtocol, "reply: " + std::string(what));
}

std::optional<double> parse_double(std::string_view text) {
  double number = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error == std::errc::result_out_of_range) return text.starts_with('-') ? -HUGE_VAL : HUGE_VAL;
  if (error != std::errc{} || end != last) return std::nullopt;
  return number;
}

Result<std::optional<Reply>> scalar(char type, std::string_view text) {
  Reply reply;
  switch (type) {
    case '_':
      if (!text.empty()) return broken("a null with a value");
      return reply;
    case '+':
    case '-':
    case '(':
      reply.kind = type == '+' ? Kind::kSimple : Kind::kError;
      if (type == '(') reply.kind = Kind::kBigNumber;
      reply.text = text;
      return reply;
    case '#':
      if (text != "t" && text != "f") return broken("a boolean that is neither t nor f");
      reply.kind = Kind::kBoolean;
      reply.integer = text == "t" ? 1 : 0;
      return reply;
    default:
      return broken("unknown type");
  }
}

Result<std::optional<Reply>> numeric(char type, std::string_view text) {
  Reply reply;
  if (type == ':') {
    const auto number = parse_integer(text);
    if (!number) return broken("not an integer");
    reply.kind = Kind::kInteger;
    reply.integer = *number;
    return reply;
  }
  const auto number = parse_double(text);
  if (!number) return broken("not a number");
  reply.kind = Kind::kDouble;
  reply.text = text;
  reply.number = *number;
  return reply;
}

Kind aggregate_kind(char type) {
  switch (type) {
    case '~':
      return Kind::kSet;
    case '%':
      return Kind::kMap;
    case '>':
      return Kind::kPush;
    default:
      return Kind::kArray;
  }
}

}  // namespace

void ReplyReader::feed(std::string_view bytes) {
  if (fed_.empty()) {
    fed_ = bytes;
    return;
  }
  std::string joined(fed_);
  joined.append(bytes);
  own_ = std::move(joined);
  fed_ = own_;
}

Result<std::optional<Reply>> ReplyReader::next() {
  while (!fed_.empty()) {
    if (!body_) {
      TRY(const bool is_whole, take_line());
      if (!is_whole) break;
    }
    const auto line = std::exchange(line_, {});
    TRY(auto value, body_ ? take_body() : parse_line(line));
    if (!value) continue;
    auto reply = deliver(*std::move(value));
    if (!reply) continue;
    bytes_ = elements_ = 0;
    return reply;
  }
  return std::nullopt;
}

// Into line_ without its CR LF. A bare newline between replies leaves it empty.
Result<bool> ReplyReader::take_line() {
  const auto end = fed_.find('\n');
  const auto length = std::min(end, fed_.size());
  if (line_.size() + length > limits_.line_bytes) return broken("a line exceeds its limit");
  line_.append(fed_.substr(0, length));
  fed_.remove_prefix(std::min(length + 1, fed_.size()));
  if (end == std::string_view::npos) return false;

  bytes_ += line_.size() + 1;
  if (bytes_ > limits_.bytes) return broken("it exceeds its limit");
  const bool is_blank = open_.empty() && (line_.empty() || line_ == "\r");
  if (is_blank) bytes_ = 0;
  if (!is_blank && !line_.ends_with('\r')) return broken("a line ends without CR");
  if (!line_.empty()) line_.pop_back();
  return true;
}

Result<std::optional<Reply>> ReplyReader::parse_line(std::string_view line) {
  if (line.empty() && open_.empty()) return std::nullopt;
  if (line.empty()) return broken("an empty line");
  const auto rest = line.substr(1);
  switch (line.front()) {
    case ':':
    case ',':
      return numeric(line.front(), rest);
    case '$':
      return begin_text(Kind::kBulk, rest);
    case '!':
      return begin_text(Kind::kError, rest);
    case '=':
      return begin_text(Kind::kVerbatim, rest);
    case '*':
    case '~':
    case '%':
    case '>':
    case '|':
      return begin_aggregate(line.front(), rest);
    default:
      return scalar(line.front(), rest);
  }
}

Result<std::optional<Reply>> ReplyReader::begin_text(Kind kind, std::string_view digits) {
  const auto length = parse_integer(digits);
  if (kind == Kind::kBulk && length == -1) return Reply{};
  if (!length || *length < 0) return broken("a string without a length");
  const auto bytes = static_cast<std::uint64_t>(*length);
  if (bytes > limits_.bytes - bytes_) return broken("it exceeds its limit");
  bytes_ += bytes;
  body_left_ = bytes + 2;
  body_.emplace();
  body_->kind = kind;
  body_->text.reserve(std::min<std::uint64_t>(bytes, kReserveMax));
  return std::nullopt;
}

Result<std::optional<Reply>> ReplyReader::take_body() {
  auto& text = body_->text;
  if (body_left_ > 2) {
    const auto piece = fed_.substr(0, body_left_ - 2);
    text.append(piece);
    fed_.remove_prefix(piece.size());
    body_left_ -= piece.size();
  }
  while (body_left_ <= 2 && !fed_.empty()) {
    if (fed_.front() != (body_left_ == 2 ? '\r' : '\n')) return broken("a string without CR LF");
    fed_.remove_prefix(1);
    if (--body_left_ > 0) continue;
    if (body_->kind == Kind::kVerbatim) {
      if (text.size() < kFormatBytes || text[kFormatBytes - 1] != ':') return broken("no format");
      text.erase(0, kFormatBytes);
    }
    return std::exchange(body_, std::nullopt);
  }
  return std::nullopt;
}

Result<std::optional<Reply>> ReplyReader::begin_aggregate(char type, std::string_view digits) {
  const auto count = parse_integer(digits);
  if (type == '*' && count == -1) return Reply{};
  if (!count || *count < 0) return broken("an aggregate without a count");
  const bool has_pairs = type == '%' || type == '|';
  const auto room = (limits_.elements - elements_) / (has_pairs ? 2 : 1);
  if (static_cast<std::uint64_t>(*count) > room) return broken("it has too many elements");
  const auto elements = static_cast<std::uint64_t>(*count) * (has_pairs ? 2 : 1);
  elements_ += elements;

  Open begun{.reply = {}, .left = elements, .is_attribute = type == '|'};
  begun.reply.kind = aggregate_kind(type);
  if (elements == 0) {
    if (begun.is_attribute) return std::nullopt;
    return std::move(begun.reply);
  }
  if (open_.size() >= limits_.depth) return broken("it is nested too deeply");
  open_.push_back(std::move(begun));
  return std::nullopt;
}

// Puts a value where it belongs; what that completes, if it is a whole reply.
std::optional<Reply> ReplyReader::deliver(Reply reply) {
  while (!open_.empty()) {
    auto& into = open_.back();
    if (!into.is_attribute) into.reply.elements.push_back(std::move(reply));
    if (--into.left > 0) return std::nullopt;
    const bool is_attribute = into.is_attribute;
    reply = std::move(into.reply);
    open_.pop_back();
    if (is_attribute) return std::nullopt;
  }
  return reply;
}

}  // namespace sluice::resp
