#include "repl/stream_leap.h"

#include <bit>
#include <cstring>

namespace sluice::repl {
namespace {

static_assert(std::endian::native == std::endian::little);

// Everything before the end of the buffer by this much may be read without looking for the end:
// CR LF of the argument before, "$", digits, CR LF.
constexpr std::size_t kMargin = 32;
constexpr std::uint16_t kCrLf = 0x0a0d;

template <typename Word>
Word load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Our arguments are told apart by where they end: `tail` is the CR LF after the last one, not yet
// looked at, so that one load takes it and the header that follows.
//
//   ... value CR LF $ 5 CR LF h e l l o CR LF
//             tail                      next tail

struct Header {
  std::size_t bytes = 0;  // 0: none
  std::uint64_t length = 0;
};

// "$", up to 15 digits, CR LF.
Header read_header(const char* at) {
  if (at[0] != '$') return {};
  std::uint64_t length = 0;
  std::size_t i = 1;
  for (; i <= 15 && at[i] != '\r'; ++i) {
    const auto digit = static_cast<std::uint64_t>(at[i] - '0');
    if (digit > 9) return {};
    length = length * 10 + digit;
  }
  const bool is_number = i > 1 && (at[1] != '0' || i == 2);
  if (!is_number || at[i] != '\r' || at[i + 1] != '\n') return {};
  return {i + 2, length};
}

// The tail of the argument that begins at `at`, or null if it is not a near one.
const char* tail_of(const char* at, const char* limit) {
  const auto [bytes, length] = read_header(at);
  const auto room = static_cast<std::uint64_t>(limit - at);
  if (bytes == 0 || bytes > room || length > room - bytes) return nullptr;
  return at + bytes + length;
}

// From tail to tail; null if what follows is not a whole argument. tail and result are <= limit.
inline const char* next_tail(const char* tail, const char* limit) {
  const auto word = load<std::uint64_t>(tail);
  const auto room = static_cast<std::uint64_t>(limit - tail);
  if ((word & 0xffff00ffffff) == 0x0a0d00240a0d) {  // one digit
    const std::uint64_t length = ((word >> 24U) & 0xffU) - '0';
    return length <= 9 && 6 + length <= room ? tail + 6 + length : nullptr;
  }
  if ((word & 0xffff0000ffffff) == 0x0a0d0000240a0d) {  // two
    const std::uint64_t tens = ((word >> 24U) & 0xffU) - '0';
    const std::uint64_t ones = ((word >> 32U) & 0xffU) - '0';
    const std::uint64_t bytes = 7 + tens * 10 + ones;
    return tens - 1 <= 8 && ones <= 9 && bytes <= room ? tail + bytes : nullptr;
  }
  if (load<std::uint16_t>(tail) != kCrLf || room < 2) return nullptr;
  return tail_of(tail + 2, limit);
}

template <std::size_t kSize>
inline bool is_name(const char* at, const char (&lower)[kSize]) {
  constexpr std::uint64_t kMask = ~0ULL >> (8 * (9 - kSize));
  std::uint64_t wanted = 0;
  std::memcpy(&wanted, lower, kSize - 1);
  return ((load<std::uint64_t>(at) | 0x2020202020202020) & kMask) == wanted;
}

enum class Name : std::uint8_t { kOther, kMulti, kExec, kStop };

// By name and number of arguments, as stream_command_kind().
Name name_of(const char* name, std::uint64_t length, std::uint32_t arguments) {
  switch (arguments) {
    case 1:
      if (length == 5 && is_name(name, "multi")) return Name::kMulti;
      if (length == 4 && is_name(name, "exec")) return Name::kExec;
      return length == 7 && is_name(name, "discard") ? Name::kStop : Name::kOther;
    case 2:
      return length == 6 && is_name(name, "select") ? Name::kStop : Name::kOther;
    default:
      return Name::kOther;
  }
}

// "*3" CR LF "$3" CR LF "SET": the begin of a command. Streams repeat themselves: one that opens
// as the last one did is recognised by comparing, which breaks the chain of length after length.
class Head {
 public:
  std::uint32_t arguments() const { return arguments_; }
  std::size_t bytes() const { return bytes_; }
  Name name() const { return name_; }

  bool matches(const char* at) const {
    const auto low = load<std::uint64_t>(at) ^ low_;
    const auto high = (load<std::uint64_t>(at + 8) ^ high_) & high_mask_;
    return (low | high) == 0 && arguments_ > 0;
  }

  // False, and nothing changes, if it is none that we may pass. The first letters of long names
  // are enough: we look for none.
  bool read(const char* at) {
    const auto word = load<std::uint64_t>(at);
    const std::uint64_t count = ((word >> 8U) & 0xffU) - '0';
    if ((word & 0xffffff00ff) != 0x240a0d002a || count - 1 > 8) return false;
    const auto [header, length] = read_header(at + 4);
    if (header == 0 || length > 99) return false;
    const auto count32 = static_cast<std::uint32_t>(count);
    const auto name = name_of(at + 4 + header, length, count32);
    if (name == Name::kStop) return false;
    *this = {};
    low_ = word;
    high_ = load<std::uint64_t>(at + 8);
    high_mask_ = length < 8 ? (1ULL << 8 * length) - 1 : ~0ULL;
    arguments_ = count32;
    bytes_ = 4 + header + length;
    name_ = name;
    return true;
  }

 private:
  std::uint64_t low_ = 0;  // matches nothing
  std::uint64_t high_ = 0;
  std::uint64_t high_mask_ = 0;
  std::uint32_t arguments_ = 0;
  std::size_t bytes_ = 0;
  Name name_ = Name::kOther;
};

// A tail and the arguments after it.
struct Place {
  const char* tail;
  std::uint32_t left;
};

inline Place pass_arguments(Place place, const char* limit) {
  while (place.left > 0) {
    const char* const next = next_tail(place.tail, limit);
    if (next == nullptr) break;
    place = {next, place.left - 1};
  }
  return place;
}

inline bool ends_well(Place place) {
  return load<std::uint16_t>(place.tail) == kCrLf;
}

// The rest of a command, of which the next argument opens the buffer.
Leap finish_command(const char* begin, const char* limit, Leap from) {
  const char* const tail = tail_of(begin, limit);
  if (tail == nullptr) return from;
  const auto place = pass_arguments({tail, from.arguments_left - 1}, limit);
  if (!ends_well(place)) return from;
  from.arguments_left = place.left;
  from.bytes = static_cast<std::size_t>(place.tail + 2 - begin);
  if (place.left > 0) return from;
  from.commands = 1;
  if (!from.in_multi) from.boundary = from.bytes;
  return from;
}

// Whole commands, and the begin of the last one if it has arguments that end too late.
Leap pass_commands(const char* begin, const char* limit, Leap from) {
  const char* at = begin + from.bytes;
  const char* boundary = begin + from.boundary;
  std::uint64_t commands = from.commands;
  std::uint32_t left = 0;
  bool in_multi = from.in_multi;
  Head head;
  while (left == 0 && at <= limit && (head.matches(at) || head.read(at))) {
    if (head.bytes() > static_cast<std::size_t>(limit - at)) break;
    const auto place = pass_arguments({at + head.bytes(), head.arguments() - 1}, limit);
    if (!ends_well(place)) break;
    at = place.tail + 2;
    left = place.left;
    if (left > 0) break;
    ++commands;
    if (head.name() != Name::kOther) in_multi = head.name() == Name::kMulti;
    if (!in_multi) boundary = at;
  }
  return {.arguments = head.arguments(),
          .arguments_left = left,
          .in_multi = in_multi,
          .bytes = static_cast<std::size_t>(at - begin),
          .boundary = static_cast<std::size_t>(boundary - begin),
          .commands = commands};
}

}  // namespace

Leap leap(std::string_view bytes, Leap from) {
  if (bytes.size() < kMargin) return from;
  const char* const begin = bytes.data();
  const char* const limit = begin + bytes.size() - kMargin;
  if (from.arguments_left > 0) from = finish_command(begin, limit, from);
  return from.arguments_left > 0 ? from : pass_commands(begin, limit, from);
}

}  // namespace sluice::repl
