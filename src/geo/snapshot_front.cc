#include "geo/snapshot_front.h"

#include <algorithm>

#include "rdb/dialect.h"
#include "rdb/lzf.h"

namespace sluice::geo {
namespace {

// Of a module's values in an RDB (Redis: RDB_MODULE_OPCODE_*).
enum ModuleValue : std::uint8_t {
  kEnd = 0,
  kSigned = 1,
  kUnsigned = 2,
  kFloat = 3,
  kDouble = 4,
  kString = 5
};
// How strings are packed (Redis: RDB_ENC_*).
enum Encoding : std::uint8_t { kInt8 = 0, kInt16 = 1, kInt32 = 2, kLzf = 3 };

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << 8U | static_cast<std::uint8_t>(byte);
  return number;
}

bool take_varint(std::string_view& bytes, std::uint64_t& number) {
  number = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    number |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

tl::unexpected<Error> no_vector() {
  return fail(Errc::kProtocol, "snapshot: what the module saved does not begin with a vector");
}

}  // namespace

std::uint64_t module_type_id(std::string_view name) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::uint64_t id = 0;
  for (const char letter : name) id = id << 6U | kLetters.find(letter);
  return id << 10U;
}

Result<> SnapshotFront::feed(std::string_view bytes) {
  while (phase_ != Phase::kDone) {
    if (skip_ > 0) {
      const auto gone = std::min<std::uint64_t>(skip_, bytes.size());
      skip_ -= gone;
      bytes.remove_prefix(static_cast<std::size_t>(gone));
      if (skip_ > 0) return {};
    }
    held_ += bytes;
    bytes = {};
    bool goes_on = true;
    while (goes_on && phase_ != Phase::kDone && skip_ == 0) {
      TRY(goes_on, step());
    }
    if (skip_ == 0) return {};
  }
  return {};
}

// False: more bytes are needed.
Result<bool> SnapshotFront::step() {
  if (strings_to_pass_ > 0) {
    TRY(const bool passed, pass_string(false));
    if (passed) --strings_to_pass_;
    return passed;
  }
  switch (phase_) {
    case Phase::kMagic: {
      if (held_.size() < rdb::kMagicBytes) return false;
      TRY(const auto dialect,
          rdb::parse_magic(std::string_view(held_).substr(0, rdb::kMagicBytes)));
      (void)dialect;
      phase_ = Phase::kOpcode;
      return pass(rdb::kMagicBytes);
    }
    case Phase::kOpcode:
      if (held_.empty()) return false;
      return opcode(static_cast<std::uint8_t>(held_.front()));
    case Phase::kModule: {  // its id, then the number 2 and when it was saved
      const auto id = length_at(0);
      if (!id) return false;
      is_ours_ = id->value >> 10U == module_type_id(kModuleType) >> 10U;
      phase_ = Phase::kModuleValue;
      return pass(id->bytes);
    }
    case Phase::kModuleValue:
      return module_value();
    case Phase::kDone:
      break;
  }
  return false;
}

Result<bool> SnapshotFront::opcode(std::uint8_t byte) {
  switch (byte) {
    case rdb::kAux:
      strings_to_pass_ = 2;
      return pass(1);
    case rdb::kFunction:
      strings_to_pass_ = 1;
      return pass(1);
    case rdb::kModuleAux:
      phase_ = Phase::kModule;
      return pass(1);
    default:
      has_keys_ = byte != rdb::kEof;
      phase_ = Phase::kDone;
      return true;
  }
}

Result<bool> SnapshotFront::module_value() {
  const auto kind = length_at(0);
  if (!kind) return false;
  if (kind->value == kEnd) {
    phase_ = Phase::kOpcode;
    return pass(kind->bytes);
  }
  if (kind->value == kString) {
    const auto behind = held_.substr(0, kind->bytes);
    held_.erase(0, kind->bytes);
    TRY(const bool passed, pass_string(is_ours_ && !vector_));
    if (!passed) held_.insert(0, behind);
    return passed;
  }
  if (kind->value == kFloat || kind->value == kDouble) {
    const std::size_t size = kind->value == kFloat ? 4 : 8;
    if (held_.size() < kind->bytes + size) return false;
    return pass(kind->bytes + size);
  }
  if (kind->value != kSigned && kind->value != kUnsigned) {
    return fail(Errc::kProtocol,
                "snapshot: a module's value of unknown kind " + std::to_string(kind->value));
  }
  const auto number = length_at(kind->bytes);
  if (!number) return false;
  return pass(kind->bytes + number->bytes);
}

bool SnapshotFront::pass(std::size_t bytes) {
  held_.erase(0, bytes);
  return true;
}

Result<bool> SnapshotFront::pass_string(bool is_wanted) {
  const auto length = length_at(0);
  if (!length) return false;
  if (length->is_encoding) return pass_packed(*length, is_wanted);
  if (!is_wanted) {
    held_.erase(0, length->bytes);
    const auto here = std::min<std::uint64_t>(length->value, held_.size());
    held_.erase(0, static_cast<std::size_t>(here));
    skip_ = length->value - here;
    return true;
  }
  if (length->value > kVectorBytesMax) return fail(Errc::kProtocol, "snapshot: endless vector");
  if (held_.size() < length->bytes + length->value) return false;
  const auto size = static_cast<std::size_t>(length->value);
  TRY_VOID(read_vector(std::string_view(held_).substr(length->bytes, size)));
  return pass(length->bytes + size);
}

Result<bool> SnapshotFront::pass_packed(const Length& encoding, bool is_wanted) {
  if (encoding.value != kLzf) {
    const std::size_t size = std::size_t{1} << encoding.value;
    if (encoding.value > kLzf) return fail(Errc::kProtocol, "snapshot: unknown packing");
    if (is_wanted) return fail(Errc::kProtocol, "snapshot: a number for a vector");
    if (held_.size() < encoding.bytes + size) return false;
    return pass(encoding.bytes + size);
  }
  const auto packed = length_at(encoding.bytes);
  if (!packed) return false;
  const auto whole = length_at(encoding.bytes + packed->bytes);
  if (!whole) return false;
  const auto begin = encoding.bytes + packed->bytes + whole->bytes;
  if (packed->value > kVectorBytesMax && is_wanted) {
    return fail(Errc::kProtocol, "snapshot: endless vector");
  }
  if (!is_wanted) {
    held_.erase(0, begin);
    const auto here = std::min<std::uint64_t>(packed->value, held_.size());
    held_.erase(0, static_cast<std::size_t>(here));
    skip_ = packed->value - here;
    return true;
  }
  const auto size = static_cast<std::size_t>(packed->value);
  if (whole->value > kVectorBytesMax) return fail(Errc::kProtocol, "snapshot: endless vector");
  if (held_.size() < begin + size) return false;
  TRY(const auto bytes, rdb::lzf_unpack(std::string_view(held_).substr(begin, size),
                                        static_cast<std::size_t>(whole->value)));
  TRY_VOID(read_vector(bytes));
  return pass(begin + size);
}

Result<> SnapshotFront::read_vector(std::string_view bytes) {
  std::uint64_t count = 0;
  if (!take_varint(bytes, count) || count > kVectorBytesMax) return no_vector();
  vector_.emplace();
  for (; count > 0; --count) {
    std::uint64_t region = 0;
    std::uint64_t incarnation = 0;
    crdt::Dot dot;
    const bool is_dot = take_varint(bytes, region) && take_varint(bytes, incarnation) &&
                        take_varint(bytes, dot.seq);
    if (!is_dot || region > crdt::kRegionIdMax) return no_vector();
    dot.actor = {static_cast<crdt::RegionId>(region), static_cast<std::uint32_t>(incarnation)};
    vector_->advance(dot);
  }
  return {};
}

std::optional<SnapshotFront::Length> SnapshotFront::length_at(std::size_t at) const {
  if (held_.size() <= at) return std::nullopt;
  const auto first = static_cast<std::uint8_t>(held_[at]);
  const auto kind = first >> 6U;
  if (kind == 0) return Length{.value = first & 0x3fU, .bytes = 1};
  if (kind == 3) return Length{.value = first & 0x3fU, .is_encoding = true, .bytes = 1};
  const std::size_t wide = first == 0x80 ? 5 : 9;
  const std::size_t bytes = kind == 1 ? 2 : wide;
  if (held_.size() < at + bytes) return std::nullopt;
  const auto digits = std::string_view(held_).substr(at, bytes);
  if (kind == 1) return Length{.value = big_endian(digits) & 0x3fffU, .bytes = bytes};
  return Length{.value = big_endian(digits.substr(1)), .bytes = bytes};
}

}  // namespace sluice::geo
