#include "crdt/noted_ops.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "crdt/batch.h"

namespace sluice::crdt {
namespace {

std::size_t number_bytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 0x80; value >>= 7U) ++bytes;
  return bytes;
}

template <typename E, std::size_t kAt = 0>
constexpr std::uint8_t kind_of() {
  if constexpr (std::is_same_v<E, std::variant_alternative_t<kAt, Effect>>) {
    return kAt;
  } else {
    return kind_of<E, kAt + 1>();
  }
}

// Writes what a Writer would, into memory that is large enough.
class Cursor {
 public:
  explicit Cursor(char* begin) : at_(begin) {}

  void byte(std::uint8_t value) { *at_++ = static_cast<char>(value); }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }
  void signed_number(std::int64_t value) {
    number((static_cast<std::uint64_t>(value) << 1U) ^ (value < 0 ? UINT64_MAX : 0));
  }
  void fixed(std::uint64_t value) {
    for (unsigned shift = 0; shift < 64; shift += 8)
      byte(static_cast<std::uint8_t>(value >> shift));
  }
  void bytes(std::string_view value) { at_ = put_text(at_, value); }
  void text(std::string_view value) {
    number(value.size());
    bytes(value);
  }
  char* end() const { return at_; }

 private:
  char* at_;
};

void write_effect(const OneWrite& one, Cursor& to) {
  constexpr std::uint8_t kOne = 1;  // so many elements
  const auto begin = [&](std::uint8_t kind) {
    to.byte(kind);
    to.byte(one.creates ? 1 : 0);
  };
  switch (one.kind) {
    case OneKind::kString:
      begin(kind_of<WriteString>());
      to.text(one.value);
      return to.number(one.number + 1);
    case OneKind::kIncrement:
      begin(kind_of<Increment>());
      return to.signed_number(static_cast<std::int64_t>(one.number));
    case OneKind::kField:
      begin(kind_of<WriteFields>());
      to.byte(kOne);
      to.text(one.name);
      return to.text(one.value);
    case OneKind::kMember:
      begin(kind_of<AddMembers>());
      to.byte(kOne);
      return to.text(one.name);
    case OneKind::kScore:
      begin(kind_of<WriteScores>());
      to.byte(kOne);
      to.text(one.name);
      return to.fixed(one.number);
  }
}

std::size_t encoded_bytes_max(const OneWrite& one) {
  constexpr std::size_t kNumbersMax = 64;
  return kNumbersMax + one.key.name.size() + one.name.size() + one.value.size();
}

}  // namespace

void NotedOps::Room::grow(std::size_t by) {
  capacity = std::max(2 * capacity, size + by);
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  std::ranges::copy(view(), larger.get());
  bytes = std::move(larger);
}

NotedOps::Part& NotedOps::begin_part() {
  open_ = &parts_.emplace_back();
  open_->room = std::exchange(spare_, Room());
  return *open_;
}

// An op begins with its key: the number of its database + 1, then its size and bytes; or with 0, for the key of the
// op before.
void NotedOps::added(Part& part, const KeyView& key, std::size_t begin, std::uint64_t now_ms) {
  ++part.count;
  newest_ms_ = std::max(newest_ms_, now_ms);
  if (part.room.bytes[begin] == 0) return;
  part.db = key.db;
  part.key_bytes = key.name.size();
  const bool is_short = key.db < 0x7F && key.name.size() < 0x80;
  part.key_at =
      begin +
      (is_short ? 2 : number_bytes(std::uint64_t{key.db} + 1) + number_bytes(key.name.size()));
}

void NotedOps::add(const Op& op, std::uint64_t now_ms) {
  if (const auto one = one_write(op)) return add(*one, now_ms);
  const bool is_alone = std::holds_alternative<TakeOver>(op.effect);
  if (is_alone && !parts_.empty()) parts_.back().is_full = true;
  Part& part = next_part();
  part.is_full = is_alone;
  const std::size_t begin = part.room.size;
  Writer bytes;
  encode_op(op, part.repeats(op.key) ? std::optional<KeyView>(op.key) : std::nullopt, bytes);
  std::ranges::copy(bytes.bytes(), part.room.more(bytes.bytes().size()));
  part.room.size += bytes.bytes().size();
  added(part, op.key, begin, now_ms);
}

// The same bytes as of the same Op.
void NotedOps::add(const OneWrite& one, std::uint64_t now_ms) {
  Part& part = next_part();
  Cursor to(part.room.more(encoded_bytes_max(one)));
  const char* const begin = part.room.bytes.get();
  if (part.repeats(one.key)) {
    to.byte(0);
  } else {
    to.number(std::uint64_t{one.key.db} + 1);
    to.number(one.key.name.size());
    part.db = one.key.db;
    part.key_at = static_cast<std::size_t>(to.end() - begin);
    part.key_bytes = one.key.name.size();
    to.bytes(one.key.name);
  }
  write_effect(one, to);
  part.room.size = static_cast<std::size_t>(to.end() - begin);
  ++part.count;
  newest_ms_ = std::max(newest_ms_, now_ms);
}

std::uint64_t NotedOps::size() const {
  std::uint64_t count = 0;
  for (const Part& part : parts_) count += part.count;
  return count;
}

std::string_view NotedOps::next_bytes() const {
  return parts_.empty() ? std::string_view() : parts_.front().room.view();
}

void NotedOps::pop_next() {
  constexpr std::size_t kSpareBytesMax = std::size_t{1} << 20U;
  if (parts_.empty()) return;
  if (parts_.front().room.capacity <= kSpareBytesMax) {
    spare_ = std::move(parts_.front().room);
    spare_.size = 0;
  }
  parts_.pop_front();
  if (!parts_.empty()) return;
  open_ = nullptr;
  newest_ms_ = 0;
}

void NotedOps::clear() {
  while (!parts_.empty()) pop_next();
}

std::vector<Op> NotedOps::ops() const {
  std::vector<Op> all;
  for (const Part& part : parts_) {
    Reader from(part.room.view());
    for (std::uint32_t at = 0; at < part.count; ++at) {
      const KeyName* const before = at == 0 ? nullptr : &all.back().key;
      all.push_back(decode_op(before, from));
    }
  }
  return all;
}

void NotedOps::save(Writer& into) const {
  into.number(newest_ms_);
  into.number(parts_.size());
  for (const Part& part : parts_) {
    into.number(part.count);
    into.text(part.room.view());
  }
}

void NotedOps::load(Reader& from) {
  clear();
  const auto newest_ms = from.number();
  for (auto left = from.count(2); left > 0 && from.ok(); --left) {
    const auto count = from.number();
    Reader ops(from.text());
    Op before;
    for (std::uint64_t at = 0; at < count && ops.ok(); ++at) {
      before = decode_op(at == 0 ? nullptr : &before.key, ops);
      add(before, newest_ms);
    }
    if (count == 0 || !ops.finish("").has_value()) from.defect("has noted ops that are none");
  }
}

}  // namespace sluice::crdt
