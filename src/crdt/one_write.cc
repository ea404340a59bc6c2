#include "crdt/one_write.h"

#include <bit>
#include <string>

namespace sluice::crdt {
namespace {

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

}  // namespace sluice::crdt
