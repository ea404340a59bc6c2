#include "repl/stream_scanner.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <string>
#include <system_error>

namespace sluice::repl {
namespace {

using Kind = StreamCommandKind;

static_assert(std::endian::native == std::endian::little);

template <typename Word>
Word load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

bool equals_folded(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b;
  });
}

// ---- The fast way: whole arguments inside one buffer -----------------------------------------
// It recognises only what is well formed and near; whatever else is met is left, untouched, to
// the framing, which alone decides what is an error.

// A header "$" digits CR LF of the longest kind, so that it may be read without looking for the end.
constexpr std::ptrdiff_t kHeaderBytesMax = 24;

struct Header {
  std::uint32_t bytes;  // 0: not one of ours
  std::uint64_t length;
};

// Three digits and more, up to 15.
Header long_header(const char* at) {
  std::uint64_t length = static_cast<std::uint64_t>(at[1] - '0');
  if (length - 1 > 8) return {};
  for (std::uint32_t i = 2; i < 17; ++i) {
    if (at[i] == '\r') return at[i + 1] == '\n' ? Header{i + 2, length} : Header{};
    const auto digit = static_cast<std::uint64_t>(at[i] - '0');
    if (digit > 9) return {};
    length = length * 10 + digit;
  }
  return {};
}

// "$" and one digit, then two, then more: the order of how often they occur.
inline Header header(const char* at) {
  const auto word = load<std::uint64_t>(at);
  if ((word & 0xffff00ff) == 0x0a0d0024) {
    const std::uint64_t digit = ((word >> 8) & 0xff) - '0';
    return {digit <= 9 ? 4U : 0U, digit};
  }
  if ((word & 0xffff0000ff) == 0x0a0d000024) {
    const std::uint64_t tens = ((word >> 8) & 0xff) - '0';
    const std::uint64_t ones = ((word >> 16) & 0xff) - '0';
    return {tens - 1 <= 8 && ones <= 9 ? 5U : 0U, tens * 10 + ones};
  }
  return at[0] == '$' ? long_header(at) : Header{};
}

// Where the argument at `at` ends, or null.
inline const char* skip_argument(const char* at, const char* end) {
  if (end - at < kHeaderBytesMax) return nullptr;
  const auto [bytes, length] = header(at);
  const auto room = static_cast<std::uint64_t>(end - at);
  if (bytes == 0 || length > room - kHeaderBytesMax) return nullptr;
  const char* const tail = at + bytes + length;
  return load<std::uint16_t>(tail) == 0x0a0d ? tail + 2 : nullptr;
}

// "*" one digit CR LF; 0 otherwise.
inline std::uint32_t short_count(const char* at) {
  const auto word = load<std::uint32_t>(at);
  if ((word & 0xffff00ff) != 0x0a0d002a) return 0;
  const std::uint32_t digit = ((word >> 8) & 0xff) - '0';
  return digit <= 9 ? digit : 0;
}

template <std::size_t kSize>
inline bool is_name(const char* at, const char (&lower)[kSize]) {
  constexpr std::uint64_t kMask = ~0ULL >> (8 * (9 - kSize));
  std::uint64_t wanted = 0;
  std::memcpy(&wanted, lower, kSize - 1);
  return ((load<std::uint64_t>(at) | 0x2020202020202020) & kMask) == wanted;
}

constexpr std::uint32_t bulk_header(char digit) {
  return 0x0a0d0024U | static_cast<std::uint32_t>(digit) << 8;
}

// The kind of a command by its first argument, of which kHeaderBytesMax bytes may be read.
inline Kind kind_at(const char* at, std::uint32_t arguments) {
  const auto length = load<std::uint32_t>(at);
  switch (arguments) {
    case 1:
      if (length == bulk_header('5') && is_name(at + 4, "multi")) return Kind::kMulti;
      if (length == bulk_header('4') && is_name(at + 4, "exec")) return Kind::kExec;
      if (length == bulk_header('7') && is_name(at + 4, "discard")) return Kind::kDiscard;
      return Kind::kOther;
    case 2:
      if (length == bulk_header('6') && is_name(at + 4, "select")) return Kind::kSelect;
      return Kind::kOther;
    case 3:
      if (length == bulk_header('8') && is_name(at + 4, "replconf")) return Kind::kReplconf;
      return Kind::kOther;
    default:
      return Kind::kOther;
  }
}

bool is_transaction(Kind kind) {
  return kind == Kind::kMulti || kind == Kind::kExec;
}

}  // namespace

StreamCommandKind stream_command_kind(std::string_view name, std::uint32_t arguments) {
  if (arguments == 1 && equals_folded(name, "multi")) return Kind::kMulti;
  if (arguments == 1 && equals_folded(name, "exec")) return Kind::kExec;
  if (arguments == 1 && equals_folded(name, "discard")) return Kind::kDiscard;
  if (arguments == 2 && equals_folded(name, "select")) return Kind::kSelect;
  if (arguments == 3 && equals_folded(name, "replconf")) return Kind::kReplconf;
  return Kind::kOther;
}

Result<std::uint32_t> parse_db(std::string_view text) {
  std::int32_t db = -1;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, db);
  const bool canonical = text.size() == 1 || !text.starts_with('0');
  if (error != std::errc{} || end != last || db < 0 || !canonical) {
    return fail(Errc::kProtocol, "SELECT without the number of a database");
  }
  return static_cast<std::uint32_t>(db);
}

Result<> StreamScanner::feed(std::string_view bytes) {
  StreamScanner next = *this;
  while (!bytes.empty()) {
    if (next.may_go_fast()) next.feed_fast(bytes);
    TRY_VOID(next.feed_slowly(bytes));
  }
  *this = next;
  return {};
}

// Between commands, or past the name of one that is of no interest.
bool StreamScanner::may_go_fast() const {
  if (framing_.between_commands()) return true;
  return framing_.between_arguments() && kind_ == Kind::kOther &&
         framing_.arguments_left() < framing_.arguments();
}

void StreamScanner::feed_fast(std::string_view& bytes) {
  const char* at = bytes.data();
  const char* const begin = at;
  const char* const end = at + bytes.size();
  const char* boundary = nullptr;
  std::uint32_t arguments = framing_.arguments();
  std::uint32_t left = framing_.arguments_left();
  std::uint64_t commands = 0;
  bool in_multi = in_multi_;
  while (true) {
    if (left == 0) {
      if (end - at < 4 + kHeaderBytesMax) break;
      const auto count = short_count(at);
      const auto kind = kind_at(at + 4, count);
      if (count == 0 || (kind != Kind::kOther && !is_transaction(kind))) break;
      const char* const next = skip_argument(at + 4, end);
      if (next == nullptr) break;
      if (kind == Kind::kMulti && !in_multi) db_before_multi_ = db_;
      if (is_transaction(kind)) in_multi = kind == Kind::kMulti;
      at = next;
      arguments = count;
      left = count - 1;
    }
    const char* next = at;
    while (left > 0 && (next = skip_argument(at, end)) != nullptr) {
      at = next;
      --left;
    }
    if (left > 0) break;
    ++commands;
    if (!in_multi) boundary = at;
  }
  if (boundary != nullptr) {
    boundary_ = {end_ + static_cast<std::uint64_t>(boundary - begin), db_};
  }
  framing_.resume(arguments, left);
  kind_ = Kind::kOther;
  in_multi_ = in_multi;
  commands_ += commands;
  end_ = end_ + static_cast<std::uint64_t>(at - begin);
  bytes.remove_prefix(static_cast<std::size_t>(at - begin));
}

// Up to the end of the present argument or of the bytes.
Result<> StreamScanner::feed_slowly(std::string_view& bytes) {
  using Event = StreamFraming::Event;
  while (!bytes.empty()) {
    const auto before = bytes.size();
    const auto step = framing_.next(bytes);
    end_ = end_ + (before - bytes.size());
    if (!step) {
      return fail(Errc::kProtocol,
                  "offset " + std::to_string(end_.bytes()) + ": " + step.error().detail);
    }
    switch (step->event) {
      case Event::kNone:
        return {};
      case Event::kBlank:
        if (!in_multi_) boundary_ = {end_, db_};
        return {};
      case Event::kCommand:
        kind_ = Kind::kOther;
        is_getack_ = false;
        break;
      case Event::kArgument:
        kept_bytes_ = 0;
        break;
      case Event::kBody:
        keep(step->body);
        break;
      case Event::kArgumentEnd:
        return argument_ended();
    }
  }
  return {};
}

// Longer arguments than we look for keep too many bytes to match anything.
void StreamScanner::keep(std::string_view piece) {
  const auto count = std::min(piece.size(), kept_.size() - kept_bytes_);
  std::copy_n(piece.data(), count, kept_.data() + kept_bytes_);
  kept_bytes_ = static_cast<std::uint8_t>(kept_bytes_ + count);
}

Result<> StreamScanner::argument_ended() {
  const std::string_view kept(kept_.data(), kept_bytes_);
  const auto ended = framing_.arguments() - framing_.arguments_left();
  if (ended == 1) kind_ = stream_command_kind(kept, framing_.arguments());
  if (ended == 2 && kind_ == Kind::kReplconf) is_getack_ = equals_folded(kept, "getack");
  if (ended == 2 && kind_ == Kind::kSelect) {
    auto db = parse_db(kept);
    if (!db) {
      return fail(Errc::kProtocol,
                  "offset " + std::to_string(end_.bytes()) + ": " + db.error().detail);
    }
    db_ = *db;
  }
  if (framing_.arguments_left() == 0) command_ended();
  return {};
}

void StreamScanner::command_ended() {
  ++commands_;
  if (kind_ == Kind::kMulti) {
    if (!in_multi_) db_before_multi_ = db_;
    in_multi_ = true;
  }
  if (kind_ == Kind::kDiscard && in_multi_) db_ = db_before_multi_;
  if (kind_ == Kind::kExec || kind_ == Kind::kDiscard) in_multi_ = false;
  if (is_getack_) getack_ = end_;
  if (!in_multi_) boundary_ = {end_, db_};
}

}  // namespace sluice::repl
