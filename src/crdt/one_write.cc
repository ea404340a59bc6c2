#include "crdt/one_write.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "crdt/wire.h"

namespace sluice::crdt {
namespace {

template <typename E, std::size_t kAt = 0>
constexpr std::uint8_t kind_of() {
  if constexpr (std::is_same_v<E, std::variant_alternative_t<kAt, Effect>>) {
    return kAt;
  } else {
    return kind_of<E, kAt + 1>();
  }
}

Effect effect_of(const OneWrite& one) {
  switch (one.kind) {
    case OneKind::kString:
      return WriteString{std::string(one.value), one.number};
    case OneKind::kIncrement:
      return Increment{static_cast<std::int64_t>(one.number)};
    case OneKind::kField:
      return WriteFields{{{std::string(one.name), std::string(one.value)}}};
    case OneKind::kMember:
      return AddMembers{{std::string(one.name)}};
    case OneKind::kScore:
      return WriteScores{{{std::string(one.name), std::bit_cast<double>(one.number)}}};
  }
  return RemoveKey{};
}

}  // namespace

std::optional<OneWrite> one_write(const Op& op) {
  OneWrite one{.key = op.key, .creates = op.creates};
  if (const auto* const string = std::get_if<WriteString>(&op.effect)) {
    one.value = string->value;
    one.number = string->deadline;
    return one;
  }
  if (const auto* const increment = std::get_if<Increment>(&op.effect)) {
    one.kind = OneKind::kIncrement;
    one.number = static_cast<std::uint64_t>(increment->by);
    return one;
  }
  if (const auto* const write = std::get_if<WriteFields>(&op.effect)) {
    if (write->fields.size() != 1) return std::nullopt;
    one.kind = OneKind::kField;
    one.name = write->fields.front().name;
    one.value = write->fields.front().value;
    return one;
  }
  if (const auto* const add = std::get_if<AddMembers>(&op.effect)) {
    if (add->members.size() != 1) return std::nullopt;
    one.kind = OneKind::kMember;
    one.name = add->members.front();
    return one;
  }
  if (const auto* const write = std::get_if<WriteScores>(&op.effect)) {
    if (write->scores.size() != 1) return std::nullopt;
    one.kind = OneKind::kScore;
    one.name = write->scores.front().member;
    one.number = std::bit_cast<std::uint64_t>(write->scores.front().score);
    return one;
  }
  return std::nullopt;
}

Op op_of(const OneWrite& one) {
  return {one.key.owned(), effect_of(one), one.creates};
}

namespace {

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
  void text(std::string_view value) {
    number(value.size());
    at_ = put_text(at_, value);
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

}  // namespace

char* encode_one(const OneWrite& one, bool repeats, char* begin) {
  Cursor to(begin);
  if (repeats) {
    to.byte(0);
  } else {
    to.number(std::uint64_t{one.key.db} + 1);
    to.text(one.key.name);
  }
  write_effect(one, to);
  return to.end();
}

std::size_t encoded_bytes_max(const OneWrite& one) {
  constexpr std::size_t kNumbersMax = 64;
  return kNumbersMax + one.key.name.size() + one.name.size() + one.value.size();
}

}  // namespace sluice::crdt
