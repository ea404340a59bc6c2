#include "repl/payload.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace sluice::repl {
namespace {

constexpr std::size_t kHeaderBytesMax = 1024;
constexpr std::string_view kEof = "$EOF:";

std::size_t longest_end_that_begins(std::string_view mark, std::string_view text) {
  auto length = std::min(text.size(), mark.size() - 1);
  while (length > 0 && text.substr(text.size() - length) != mark.substr(0, length)) --length;
  return length;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (text.substr(0, word.size()) != word) return false;
  text.remove_prefix(word.size());
  return true;
}

bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto* const last = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return true;
}

}  // namespace

bool is_snapshot_name(std::string_view name) {
  const auto is_odd = [](char c) { return c <= ' ' || c > '~'; };
  return !name.empty() && name.size() <= kSnapshotNameBytesMax &&
         std::ranges::none_of(name, is_odd);
}

std::string named_payload_header(std::uint64_t rest, std::uint64_t total, std::string_view name) {
  return "$" + std::to_string(rest) + " of " + std::to_string(total) + " as " + std::string(name) +
         "\r\n";
}

Result<PayloadReader::Taken> PayloadReader::take(std::string_view bytes) {
  if (!has_begun_) return take_header(bytes);
  return length_ ? take_sized(bytes) : take_marked(bytes);
}

Result<PayloadReader::Taken> PayloadReader::take_header(std::string_view bytes) {
  const auto blank = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
  if (blank > 0) return Taken{.consumed = blank};
  const auto end = bytes.find("\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() <= kHeaderBytesMax) return Taken{};
    return fail(Errc::kProtocol, "the snapshot's header line is too long");
  }
  const auto line = bytes.substr(0, end);
  const Taken taken{.consumed = end + 2};
  if (line.substr(0, kEof.size()) == kEof) {
    mark_ = line.substr(kEof.size());
    if (mark_.size() != kMarkLength) return fail(Errc::kProtocol, "the EOF mark is not 40 bytes");
    has_begun_ = true;
    return taken;
  }
  if (!take_sizes(line)) {
    return fail(Errc::kProtocol, "expected a snapshot, got '" + std::string(line) + "'");
  }
  has_begun_ = true;
  left_ = *length_;
  return taken;
}

// "$<length>", or "$<length> of <total> as <name>".
bool PayloadReader::take_sizes(std::string_view line) {
  std::uint64_t length = 0;
  if (!take_word(line, "$") || !take_number(line, length) || length == 0) return false;
  std::uint64_t total = length;
  if (!line.empty()) {
    const bool is_whole = take_word(line, " of ") && take_number(line, total) &&
                          take_word(line, " as ") && is_snapshot_name(line);
    if (!is_whole || total < length) return false;
    name_ = line;
  }
  length_ = length;
  total_ = total;
  return true;
}

PayloadReader::Taken PayloadReader::take_sized(std::string_view bytes) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  left_ -= count;
  return {.consumed = count, .rdb = bytes.substr(0, count), .is_complete = left_ == 0};
}

// The mark may be cut anywhere, so the longest end of what was seen that could begin it is held
// back. The mark is random: that is nearly always nothing, and then no byte is copied here.
PayloadReader::Taken PayloadReader::take_marked(std::string_view bytes) {
  const auto held = held_.size();
  joined_ = held == 0 ? std::string() : held_ + std::string(bytes);
  const auto text = held == 0 ? bytes : std::string_view(joined_);
  if (const auto at = text.find(mark_); at != std::string_view::npos) {
    return {.consumed = at + kMarkLength - held, .rdb = text.substr(0, at), .is_complete = true};
  }
  const auto keep = longest_end_that_begins(mark_, text);
  held_ = text.substr(text.size() - keep);
  return {.consumed = bytes.size(), .rdb = text.substr(0, text.size() - keep)};
}

}  // namespace sluice::repl
