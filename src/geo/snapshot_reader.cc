#include "geo/snapshot_reader.h"

#include <algorithm>
#include <utility>

#include "geo/snapshot_front.h"
#include "rdb/crc64.h"
#include "rdb/listpack.h"
#include "rdb/little_endian.h"
#include "rdb/lzf.h"

namespace sluice::geo {
namespace {

// How strings are packed (Redis: RDB_ENC_*), and a module's values (RDB_MODULE_OPCODE_*).
constexpr std::uint64_t kLzf = 3;
enum ModuleValue : std::uint8_t { kEnd = 0, kSigned = 1, kUnsigned = 2, kFloat = 3, kDouble = 4 };

// RESTORE refuses a version above its server's own, and reads what the type says.
constexpr char kValueVersion = 9;

// Types that Redis 7.2 brought, and what 7.0 reads in their place: a region may be older than the one whose snapshot it takes.
enum ValueType : std::uint8_t { kPlainSet = 2, kStream7_0 = 19, kPackedSet = 20, kStream7_2 = 21 };
constexpr std::size_t kActiveTimeBytes =
    8;  // of a stream's consumer, behind the time when it was seen

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8U | static_cast<std::uint8_t>(byte);
  return number;
}

std::string integer_text(std::string_view bytes) {
  const auto bits = rdb::little_endian(bytes);
  if (bytes.size() == 1) return std::to_string(static_cast<std::int8_t>(bits));
  if (bytes.size() == 2) return std::to_string(static_cast<std::int16_t>(bits));
  return std::to_string(static_cast<std::int32_t>(bits));
}

void append_length(std::string& bytes, std::uint64_t length) {
  bytes += '\x81';
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(length >> shift);
}

Result<std::string> plain_set(std::string_view listpack) {
  TRY(const auto members, rdb::listpack_elements(listpack));
  std::string bytes;
  append_length(bytes, members.size());
  for (const auto& member : members) {
    append_length(bytes, member.size());
    bytes += member;
  }
  return bytes;
}

std::string dumped(std::uint8_t type, std::string_view value) {
  std::string bytes(1, static_cast<char>(type));
  bytes.append(value).append({kValueVersion, 0});
  auto sum = rdb::crc64(0, bytes);
  for (int at = 0; at < 8; ++at, sum >>= 8U) bytes.push_back(static_cast<char>(sum & 0xffU));
  return bytes;
}

}  // namespace

Result<> SnapshotReader::feed(std::string_view bytes) {
  TRY_VOID(scanner_.feed(bytes));
  if (done_ > 0 && done_ >= held_.size() / 2) {
    held_.erase(0, done_);
    done_ = 0;
  }
  held_ += bytes;
  if (held_.size() - done_ > kItemBytesMax + bytes.size()) {
    return fail(Errc::kRejected, "a key of the snapshot takes more than 1 GiB");
  }
  return {};
}

Result<> SnapshotReader::finish() const {
  TRY(const auto summary, scanner_.finish());
  (void)summary;
  return {};
}

Result<std::optional<SnapshotItem>> SnapshotReader::next() {
  while (!is_at_end_) {
    TRY(const bool goes_on, step());
    if (!goes_on) break;
    if (layout_ == nullptr || *layout_ != '\0') continue;
    TRY(auto item, complete());
    done_ += at_;
    at_ = 0;
    layout_ = nullptr;
    if (item) return item;
  }
  return std::optional<SnapshotItem>();
}

// False: more bytes are needed.
Result<bool> SnapshotReader::step() {
  if (layout_ == nullptr) return begin();
  TRY(const bool passed, element(*layout_));
  return passed;
}

Result<bool> SnapshotReader::begin() {
  const auto bytes = unread();
  if (!dialect_) {
    if (bytes.size() < rdb::kMagicBytes) return false;
    TRY(dialect_, rdb::parse_magic(bytes.substr(0, rdb::kMagicBytes)));
    done_ += rdb::kMagicBytes;
    return true;
  }
  if (bytes.empty()) return false;
  opcode_ = static_cast<std::uint8_t>(bytes.front());
  if (opcode_ == rdb::kEof) {
    is_at_end_ = true;
    return false;
  }
  layout_ = rdb::layout(*dialect_, opcode_);
  if (layout_ == nullptr) {
    return fail(Errc::kProtocol, "snapshot: a value of unknown type " + std::to_string(opcode_));
  }
  at_ = 1;
  depth_ = 0;
  name_end_ = 0;
  module_strings_ = 0;
  module_id_ = 0;
  active_times_.clear();
  settle();
  return true;
}

// Up to the next element that takes bytes, or the layout's end.
void SnapshotReader::settle() {
  while (*layout_ == ']') {
    Loop& loop = loops_[depth_ - 1];
    if (loop.left > 1) {
      --loop.left;
      layout_ = loop.begin;
    } else {
      --depth_;
      ++layout_;
    }
  }
}

Result<bool> SnapshotReader::element(char kind) {
  const auto rest = unread().substr(std::min(at_, unread().size()));
  const auto raw = [&](std::size_t size) -> Result<bool> {
    if (rest.size() < size) return false;
    number_ = rdb::little_endian(rest.substr(0, std::min<std::size_t>(size, 8)));
    at_ += size;
    ++layout_;
    settle();
    return true;
  };
  switch (kind) {
    case 's':
    case 'c':
      return string();
    case '1':
      return raw(1);
    case '4':
      return raw(4);
    case '8':
      if (opcode_ == kStream7_2 && layout_[-1] == '8' && rest.size() >= kActiveTimeBytes)
        active_times_.push_back(at_);
      return raw(8);
    case 'x':
      return raw(16);
    case 'd': {  // a score as text: 253 to 255 are not numbers
      if (rest.empty()) return false;
      const auto size = static_cast<std::uint8_t>(rest.front());
      return raw(size >= 253 ? 1 : 1U + size);
    }
    case 'm':
      return module_value();
    default:
      break;
  }
  const auto length = length_at(at_);
  if (!length) return false;
  at_ += length->bytes;
  number_ = length->value;
  if (kind == 'D') db_ = static_cast<std::uint32_t>(length->value);
  if (module_id_ == 0) module_id_ = length->value;
  if (kind != '[') {
    ++layout_;
    settle();
    return true;
  }
  if (length->value == 0) {
    for (int open = 0; *layout_ != ']' || open > 1; ++layout_) {
      if (*layout_ == '[') ++open;
      if (*layout_ == ']') --open;
    }
    ++layout_;
  } else {
    ++layout_;
    loops_[depth_++] = {layout_, length->value};
  }
  settle();
  return true;
}

Result<bool> SnapshotReader::string() {
  const auto length = length_at(at_);
  if (!length) return false;
  std::uint64_t body = length->value;
  std::uint64_t unpacked = 0;
  std::size_t header = length->bytes;
  if (length->is_encoding && length->value < kLzf) {
    body = std::uint64_t{1} << length->value;
  } else if (length->is_encoding) {
    const auto packed = length_at(at_ + length->bytes);
    if (!packed) return false;
    const auto whole = length_at(at_ + length->bytes + packed->bytes);
    if (!whole) return false;
    header += packed->bytes + whole->bytes;
    body = packed->value;
    unpacked = whole->value;
  }
  if (std::max(body, unpacked) > kItemBytesMax)
    return fail(Errc::kRejected, "a string of the snapshot takes more than 1 GiB");
  const auto size = header + body;
  if (unread().size() < at_ + size) return false;
  at_ += static_cast<std::size_t>(size);
  if (name_end_ == 0) name_end_ = at_;
  ++layout_;
  settle();
  return true;
}

Result<bool> SnapshotReader::module_value() {
  const auto kind = length_at(at_);
  if (!kind) return false;
  const auto before = at_;
  at_ += kind->bytes;
  if (kind->value == kEnd) {
    ++layout_;
    settle();
    return true;
  }
  if (kind->value == kSigned || kind->value == kUnsigned) {
    if (const auto number = length_at(at_)) return at_ += number->bytes, true;
  } else if (kind->value == kFloat || kind->value == kDouble) {
    const std::size_t size = kind->value == kFloat ? 4 : 8;
    if (unread().size() >= at_ + size) return at_ += size, true;
  } else {
    const auto text = at_;
    const auto* const layout = layout_;
    TRY(const bool passed, string());
    layout_ = layout;
    if (passed) {
      ++module_strings_;
      module_text_ = text;
      return true;
    }
  }
  at_ = before;
  return false;
}

Result<std::optional<SnapshotItem>> SnapshotReader::complete() {
  using Item = std::optional<SnapshotItem>;
  switch (opcode_) {
    case rdb::kExpireMs:
      deadline_ = number_;
      return Item();
    case rdb::kExpireSeconds:
      deadline_ = number_ * 1000;
      return Item();
    case rdb::kFunction: {
      TRY(auto code, text_at(1));
      return Item(SnapshotLibrary{std::move(code)});
    }
    case rdb::kModuleAux: {
      if (module_id_ >> 10U != module_type_id(kModuleType) >> 10U || module_strings_ != 2)
        return Item();
      TRY(auto state, text_at(module_text_));
      return Item(SavedModule{std::move(state)});
    }
    default:
      break;
  }
  if (!rdb::is_value_type(opcode_)) return Item();
  TRY(auto name, text_at(1));
  TRY(auto value, value_for_all());
  return Item(SnapshotKey{.db = db_,
                          .name = std::move(name),
                          .deadline = std::exchange(deadline_, 0),
                          .value = std::move(value)});
}

// As Redis 7.0 reads it.
Result<std::string> SnapshotReader::value_for_all() const {
  const auto value = unread().substr(name_end_, at_ - name_end_);
  if (opcode_ == kPackedSet) {
    TRY(const auto listpack, text_at(name_end_));
    TRY(const auto set, plain_set(listpack));
    return dumped(kPlainSet, set);
  }
  if (opcode_ != kStream7_2) return dumped(opcode_, value);
  std::string stream;
  std::size_t begin = name_end_;
  for (const auto at : active_times_) {
    stream.append(unread().substr(begin, at - begin));
    begin = at + kActiveTimeBytes;
  }
  stream.append(unread().substr(begin, at_ - begin));
  return dumped(kStream7_0, stream);
}

Result<std::string> SnapshotReader::text_at(std::size_t at) const {
  const auto length = length_at(at);
  const auto begin = at + length->bytes;
  if (!length->is_encoding)
    return std::string(unread().substr(begin, static_cast<std::size_t>(length->value)));
  if (length->value < kLzf)
    return integer_text(unread().substr(begin, std::size_t{1} << length->value));
  const auto packed = length_at(begin);
  const auto whole = length_at(begin + packed->bytes);
  return rdb::lzf_unpack(unread().substr(begin + packed->bytes + whole->bytes,
                                         static_cast<std::size_t>(packed->value)),
                         static_cast<std::size_t>(whole->value));
}

std::optional<SnapshotReader::Length> SnapshotReader::length_at(std::size_t at) const {
  const auto bytes = unread();
  if (bytes.size() <= at) return std::nullopt;
  const auto first = static_cast<std::uint8_t>(bytes[at]);
  const auto kind = first >> 6U;
  if (kind == 0) return Length{.value = first & 0x3fU, .bytes = 1};
  if (kind == 3) return Length{.value = first & 0x3fU, .is_encoding = true, .bytes = 1};
  const std::size_t wide = first == 0x80 ? 5 : 9;
  const std::size_t size = kind == 1 ? 2 : wide;
  if (bytes.size() < at + size) return std::nullopt;
  const auto digits = bytes.substr(at, size);
  if (kind == 1) return Length{.value = big_endian(digits) & 0x3fffU, .bytes = size};
  return Length{.value = big_endian(digits.substr(1)), .bytes = size};
}

}  // namespace sluice::geo
