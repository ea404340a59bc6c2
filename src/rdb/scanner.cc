#include "rdb/scanner.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "rdb/crc64.h"
#include "rdb/lzf.h"

namespace sluice::rdb {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kChecksumBytes = 8;
constexpr std::ptrdiff_t kHeaderBytesMax = 19;  // of a packed string: encoding and two lengths
constexpr std::uint64_t kPacked = 3;            // the encoding of strings that LZF has packed

std::uint8_t byte_at(std::string_view in, std::size_t at) {
  return static_cast<std::uint8_t>(in[at]);
}

std::uint64_t big_endian(std::string_view in, std::size_t at, std::size_t count) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < count; ++i) number = number << 8U | byte_at(in, at + i);
  return number;
}

// 00nnnnnn | 01nnnnnn n8 | 10000000 n32 | 10000001 n64 | 11eeeeee, in network order; e is an
// encoding of strings (Redis: rdbLoadLenByRef).
struct Length {
  enum class Kind : std::uint8_t { kCut, kPlain, kEncoding, kUnknown };
  Kind kind = Kind::kCut;
  std::size_t bytes = 0;
  std::uint64_t value = 0;
};

Length read_length(std::string_view in, std::size_t at) {
  if (in.size() <= at) return {};
  const auto first = byte_at(in, at);
  const auto low = first & 63U;
  const auto sized = [&](std::size_t count) -> Length {
    if (in.size() - at < 1 + count) return {};
    return {Length::Kind::kPlain, 1 + count, big_endian(in, at + 1, count)};
  };
  switch (first >> 6U) {
    case 0:
      return {Length::Kind::kPlain, 1, low};
    case 1:
      if (in.size() - at < 2) return {};
      return {Length::Kind::kPlain, 2, low << 8U | byte_at(in, at + 1)};
    case 2:
      if (low > 1) return {Length::Kind::kUnknown, 1, first};
      return sized(low == 0 ? 4 : 8);
    default:
      return {Length::Kind::kEncoding, 1, low};
  }
}

// A little-endian integer of 1, 2 or 4 bytes, as text.
std::string integer_text(std::string_view bytes) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, bytes.data(), bytes.size());
  const auto unused = 32 - 8 * bytes.size();
  return std::to_string(static_cast<std::int32_t>(bits << unused) >> unused);
}

std::optional<std::uint32_t> parse_db(std::string_view text) {
  std::uint32_t db = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, db);
  if (error != std::errc{} || end != last) return std::nullopt;
  return db;
}

// Where the string at `at` ends, or null if it is unusual or may not lie before `end`, from which
// `at` is at least kHeaderBytesMax away.
const char* end_of_string(const char* at, const char* end) {
  const std::string_view in(at, static_cast<std::size_t>(end - at));
  const auto first = byte_at(in, 0);
  const auto low = first & 63U;
  std::uint64_t bytes = 0;
  if (first < 64) {
    bytes = 1U + low;
  } else if (first < 128) {
    bytes = 2U + (low << 8U | byte_at(in, 1));
  } else if (first >= 192 && low < kPacked) {
    bytes = 1U + (1U << low);
  }
  return bytes == 0 || bytes > in.size() ? nullptr : at + bytes;
}

}  // namespace

Result<> Scanner::feed(std::string_view bytes) {
  auto rest = bytes;
  if (phase_ < Phase::kTrailer) {
    TRY_VOID(scan(rest));
    crc_ = crc64(crc_, bytes.substr(0, bytes.size() - rest.size()));
  }
  if (phase_ == Phase::kTrailer) TRY_VOID(trailer(rest));
  if (!rest.empty()) return refuse("bytes follow the end");
  return {};
}

Result<RdbSummary> Scanner::finish() const {
  if (!is_complete()) {
    return fail(Errc::kProtocol,
                "RDB ends at offset " + std::to_string(offset_ + carried_) + ", before its end");
  }
  auto summary = summary_;
  summary.bytes = offset_;
  if (const auto db = summary.aux.find("repl-stream-db"); db != summary.aux.end()) {
    summary.stream_db = parse_db(db->second);
  }
  return summary;
}

tl::unexpected<Error> Scanner::refuse(std::string_view what) const {
  return fail(Errc::kProtocol, "RDB offset " + std::to_string(offset_) + ": " + std::string(what));
}

// Up to the end of the piece or of all that the checksum covers.
Result<> Scanner::scan(std::string_view& rest) {
  while (!rest.empty() && phase_ < Phase::kTrailer) {
    if (skip_ > 0) {
      TRY_VOID(skip(rest));
      continue;
    }
    if (carried_ > 0) {
      TRY_VOID(step_across(rest));
      continue;
    }
    scan_fast(rest);
    if (rest.empty()) break;
    TRY(const std::size_t taken, step(rest));
    offset_ += taken;
    rest.remove_prefix(taken);
    if (taken > 0) continue;
    CHECK(rest.size() < carry_.size());
    carried_ = rest.copy(carry_.data(), rest.size());
    rest = {};
  }
  return {};
}

// The common elements, as long as they lie in the piece. Whatever else is met is left, untouched, to
// step(), which alone decides what is an error.
void Scanner::scan_fast(std::string_view& rest) {
  if (phase_ == Phase::kMagic || module_element_ != kNoElement) return;
  const char* at = rest.data();
  const char* const end = at + rest.size();
  while (end - at >= kHeaderBytesMax) {
    if (phase_ == Phase::kOpcode) {
      const auto byte = static_cast<std::uint8_t>(*at);
      if (byte == kEof || !begin(byte)) break;
      ++at;
      continue;
    }
    const char* next = nullptr;
    if (*at_ == 's') next = end_of_string(at, end);
    if (*at_ == '8') next = at + 8;
    if (next == nullptr) break;
    at = next;
    next_element();
  }
  const auto taken = static_cast<std::size_t>(at - rest.data());
  offset_ += taken;
  rest.remove_prefix(taken);
}

// Completes an element of which carry_ holds the begin.
Result<> Scanner::step_across(std::string_view& rest) {
  const auto before = carried_;
  const auto added = rest.copy(carry_.data() + before, carry_.size() - before);
  TRY(const std::size_t taken, step({carry_.data(), before + added}));
  offset_ += taken;
  if (taken == 0) {
    CHECK(added == rest.size());
    carried_ += added;
    rest = {};
    return {};
  }
  carried_ = 0;
  rest.remove_prefix(taken - before);
  return {};
}

// Takes one element off the front of `in` and tells its bytes without those of a string's body,
// which are left to skip(); 0 if there are too few, of which kHeaderBytesMax are always enough.
Result<std::size_t> Scanner::step(std::string_view in) {
  if (phase_ == Phase::kOpcode) return opcode(byte_at(in, 0));
  if (phase_ == Phase::kMagic) return magic(in);
  const bool in_module = module_element_ != kNoElement;
  const char kind = in_module ? module_element_ : *at_;
  TRY(const std::size_t taken, element(kind, in));
  if (taken == 0) return taken;
  if (in_module) {
    module_element_ = kNoElement;
  } else if (kind != '[' && kind != 'm') {
    next_element();
  }
  return taken;
}

Result<std::size_t> Scanner::magic(std::string_view in) {
  if (in.size() < kMagicBytes) return 0U;
  TRY(summary_.dialect, parse_magic(in.substr(0, kMagicBytes)));
  phase_ = Phase::kOpcode;
  return kMagicBytes;
}

Result<std::size_t> Scanner::opcode(std::uint8_t byte) {
  if (!begin(byte)) return refuse("type byte " + std::to_string(byte) + " is unknown");
  if (byte == kEof) {
    close_db();
    phase_ = summary_.dialect.has_checksum() ? Phase::kTrailer : Phase::kDone;
  }
  return 1U;
}

// False if the byte is unknown: nothing has changed.
bool Scanner::begin(std::uint8_t byte) {
  const char* const elements = layout(summary_.dialect, byte);
  if (elements == nullptr) return false;
  at_ = elements;
  phase_ = Phase::kLayout;
  if (is_value_type(byte)) {
    ++in_db_.keys;
    in_db_.expires += expires_ ? 1 : 0;
    expires_ = false;
    return true;
  }
  expires_ = expires_ || byte == kExpireMs || byte == kExpireSeconds;
  if (byte == kFunction) ++summary_.functions;
  return true;
}

Result<std::size_t> Scanner::element(char kind, std::string_view in) {
  switch (kind) {
    case 's':
    case 'c':
      return string(kind == 'c', in);
    case 'd':
      return text_double(in);
    case '1':
      return 1U;
    case '4':
      return in.size() < 4 ? 0U : 4U;
    case '8':
      return in.size() < 8 ? 0U : 8U;
    case 'x':
      return in.size() < 16 ? 0U : 16U;
    default:
      return length(kind, in);
  }
}

Result<std::size_t> Scanner::string(bool keep, std::string_view in) {
  const auto length = read_length(in, 0);
  if (length.kind == Length::Kind::kCut) return 0U;
  if (length.kind == Length::Kind::kUnknown) return refuse("a length of an unknown kind");
  if (keep) kept_.clear();
  kept_unpacked_ = 0;
  keeping_ = keep;
  if (length.kind == Length::Kind::kEncoding) return encoded_string(in, length.value);
  skip_ = length.value;
  if (keep && skip_ == 0) TRY_VOID(kept({}));
  return length.bytes;
}

Result<std::size_t> Scanner::encoded_string(std::string_view in, std::uint64_t encoding) {
  if (encoding == kPacked) return packed_string(in);
  if (encoding > kPacked) return refuse("a string of an unknown encoding");
  const auto bytes = std::size_t{1} << encoding;
  if (in.size() < 1 + bytes) return 0U;
  if (keeping_) TRY_VOID(kept(integer_text(in.substr(1, bytes))));
  return 1 + bytes;
}

// The length of the packed bytes, of the string, and the packed bytes.
Result<std::size_t> Scanner::packed_string(std::string_view in) {
  const auto packed = read_length(in, 1);
  if (packed.kind == Length::Kind::kCut) return 0U;
  const auto unpacked = read_length(in, 1 + packed.bytes);
  if (unpacked.kind == Length::Kind::kCut) return 0U;
  const bool is_plain =
      packed.kind == Length::Kind::kPlain && unpacked.kind == Length::Kind::kPlain;
  if (!is_plain || packed.value == 0 || unpacked.value == 0) {
    return refuse("a packed string of an impossible length");
  }
  skip_ = packed.value;
  kept_unpacked_ = unpacked.value;
  return 1 + packed.bytes + unpacked.bytes;
}

Result<std::size_t> Scanner::length(char kind, std::string_view in) {
  const auto length = read_length(in, 0);
  if (length.kind == Length::Kind::kCut) return 0U;
  if (length.kind != Length::Kind::kPlain) return refuse("expected a length");
  if (kind == '[') begin_loop(length.value);
  if (kind == 'm') TRY_VOID(module_value(length.value));
  if (kind == 'D') TRY_VOID(select(length.value));
  return length.bytes;
}

// A length byte and as many digits; 253 to 255 stand for nan, inf and -inf.
Result<std::size_t> Scanner::text_double(std::string_view in) {
  const auto length = byte_at(in, 0);
  if (length < 253) skip_ = length;
  return 1U;
}

// From '[' to the first element of its body, or past its ']'.
void Scanner::begin_loop(std::uint64_t count) {
  if (count > 0) {
    CHECK(depth_ < loops_.size());
    ++at_;
    loops_.at(depth_++) = {.begin = at_, .left = count};
    return;
  }
  std::size_t open = 0;
  do {
    open += *at_ == '[' ? 1 : 0;
    open -= *at_ == ']' ? 1 : 0;
  } while (*at_++ != ']' || open > 0);
  settle();
}

void Scanner::next_element() {
  ++at_;
  settle();
}

// Turns round at the end of loops and of the layout.
void Scanner::settle() {
  while (*at_ == ']') {
    auto& loop = loops_.at(depth_ - 1);
    if (--loop.left > 0) {
      at_ = loop.begin;
      return;
    }
    --depth_;
    ++at_;
  }
  if (*at_ == '\0') phase_ = Phase::kOpcode;
}

// Redis: RDB_MODULE_OPCODE_EOF, SINT, UINT, FLOAT, DOUBLE, STRING.
Result<> Scanner::module_value(std::uint64_t opcode) {
  constexpr std::string_view kElements = ".ll48s";
  if (opcode >= kElements.size()) return refuse("a value of a module of an unknown kind");
  if (opcode == 0) {
    next_element();
  } else {
    module_element_ = kElements[opcode];
  }
  return {};
}

Result<> Scanner::skip(std::string_view& rest) {
  const auto count = std::min<std::uint64_t>(skip_, rest.size());
  if (keeping_ && kept_.size() <= kAuxBytesMax) {
    kept_.append(rest.substr(0, std::min(count, kAuxBytesMax + 1 - kept_.size())));
  }
  skip_ -= count;
  offset_ += count;
  rest.remove_prefix(count);
  if (!keeping_ || skip_ > 0) return {};
  if (kept_unpacked_ == 0 || kept_unpacked_ > kAuxBytesMax) return kept(kept_);
  TRY(auto unpacked, lzf_unpack(kept_, kept_unpacked_));
  return kept(std::move(unpacked));
}

// A name, then its value.
Result<> Scanner::kept(std::string text) {
  const bool too_long = text.size() > kAuxBytesMax || kept_unpacked_ > kAuxBytesMax;
  keeping_ = false;
  kept_unpacked_ = 0;
  if (!aux_name_) {
    aux_name_ = std::move(text);
    return {};
  }
  const bool has_room = summary_.aux.size() < kAuxFieldsMax || summary_.aux.contains(*aux_name_);
  if (has_room && !too_long) summary_.aux[*aux_name_] = std::move(text);
  aux_name_.reset();
  return {};
}

Result<> Scanner::select(std::uint64_t db) {
  if (db > std::numeric_limits<std::int32_t>::max()) return refuse("a database beyond every limit");
  close_db();
  if (summary_.dbs.size() >= kDbsMax) return refuse("more databases than we count");
  db_ = static_cast<std::uint32_t>(db);
  return {};
}

void Scanner::close_db() {
  if (in_db_.keys > 0) {
    auto& count = summary_.dbs[db_];
    count.keys += in_db_.keys;
    count.expires += in_db_.expires;
    summary_.total.keys += in_db_.keys;
    summary_.total.expires += in_db_.expires;
  }
  in_db_ = {};
}

Result<> Scanner::trailer(std::string_view& rest) {
  const auto taken = rest.copy(carry_.data() + carried_, kChecksumBytes - carried_);
  carried_ += taken;
  rest.remove_prefix(taken);
  if (carried_ < kChecksumBytes) return {};
  std::uint64_t stored = 0;
  std::memcpy(&stored, carry_.data(), sizeof stored);
  if (stored != 0 && stored != crc_) {
    return fail(Errc::kCorrupt, "RDB offset " + std::to_string(offset_) + ": checksum differs");
  }
  summary_.is_checksummed = stored != 0;
  offset_ += kChecksumBytes;
  carried_ = 0;
  phase_ = Phase::kDone;
  return {};
}

}  // namespace sluice::rdb
