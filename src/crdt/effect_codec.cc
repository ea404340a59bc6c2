#include "crdt/effect_codec.h"

#include <bit>
#include <cmath>

namespace sluice::crdt {
namespace {

// One overload for reading and one for writing of each type; `fields_of` below lists what an effect
// consists of, once for both directions.
void put(Writer& into, bool value) {
  into.byte(value ? 1 : 0);
}
void put(Writer& into, std::uint64_t value) {
  into.number(value);
}
void put(Writer& into, std::int64_t value) {
  into.signed_number(value);
}
void put(Writer& into, double value) {
  into.fixed(std::bit_cast<std::uint64_t>(value));
}
void put(Writer& into, const std::string& value) {
  into.text(value);
}
void put(Writer& into, const Field& value) {
  into.text(value.name);
  into.text(value.value);
}
void put(Writer& into, const Score& value) {
  into.text(value.member);
  put(into, value.score);
}
void put(Writer& into, const StreamId& value) {
  into.number(value.ms);
  into.number(value.seq);
}
template <typename T>
void put(Writer& into, const std::vector<T>& values) {
  into.number(values.size());
  for (const T& value : values) put(into, value);
}

void get(Reader& from, bool& value) {
  const auto byte = from.byte();
  if (byte > 1) from.defect("has a truth that is neither 0 nor 1");
  value = byte != 0;
}
void get(Reader& from, std::uint64_t& value) {
  value = from.number();
}
void get(Reader& from, std::int64_t& value) {
  value = from.signed_number();
}
void get(Reader& from, double& value) {
  value = std::bit_cast<double>(from.fixed());
  if (std::isnan(value)) from.defect("has a score that is no number");
}
void get(Reader& from, std::string& value) {
  value = from.text();
}
void get(Reader& from, Field& value) {
  value.name = from.text();
  value.value = from.text();
}
void get(Reader& from, Score& value) {
  value.member = from.text();
  get(from, value.score);
}
void get(Reader& from, StreamId& value) {
  value.ms = from.number();
  value.seq = from.number();
}
template <typename T>
void get(Reader& from, std::vector<T>& values) {
  for (auto left = from.count(); left > 0 && from.ok(); --left) get(from, values.emplace_back());
}

void put_take_over(Writer& into, const TakeOver& value) {
  into.number(value.former);
  into.number(value.first);
  into.fixed(value.base.bits);
  into.text(value.ops);
}

// None is the commonest deadline and the greatest number: shifted by one it is 0, a single byte.
template <typename Number>
struct Shifted {
  Number& deadline;
};
template <typename Number>
void put(Writer& into, Shifted<Number> value) {
  into.number(value.deadline + 1);
}
template <typename Number>
void get(Reader& from, Shifted<Number> value) {
  value.deadline = from.number() - 1;
}

template <typename E, typename Visit>
void fields_of(E& effect, Visit visit) {
  using T = std::remove_const_t<E>;
  if constexpr (std::is_same_v<T, RemoveKey>)
    visit(effect.expired);
  else if constexpr (std::is_same_v<T, SetDeadline>)
    visit(Shifted{effect.deadline});
  else if constexpr (std::is_same_v<T, WriteString>)
    visit(effect.value, Shifted{effect.deadline});
  else if constexpr (std::is_same_v<T, ChangeString>)
    visit(effect.value);
  else if constexpr (std::is_same_v<T, Increment>)
    visit(effect.by);
  else if constexpr (std::is_same_v<T, IncrementFloat>)
    visit(effect.by, effect.result);
  else if constexpr (std::is_same_v<T, AddToHll>)
    visit(effect.elements);
  else if constexpr (std::is_same_v<T, MergeHll>)
    visit(effect.registers);
  else if constexpr (std::is_same_v<T, WriteFields>)
    visit(effect.fields);
  else if constexpr (std::is_same_v<T, IncrementField>)
    visit(effect.name, effect.by);
  else if constexpr (std::is_same_v<T, IncrementFieldFloat>)
    visit(effect.name, effect.by, effect.result);
  else if constexpr (std::is_same_v<T, RemoveFields>)
    visit(effect.names);
  else if constexpr (std::is_same_v<T, AddMembers> || std::is_same_v<T, RemoveMembers>)
    visit(effect.members);
  else if constexpr (std::is_same_v<T, WriteScores>)
    visit(effect.scores);
  else if constexpr (std::is_same_v<T, IncrementScore>)
    visit(effect.member, effect.by, effect.result);
  else if constexpr (std::is_same_v<T, RemoveScores>)
    visit(effect.members);
  else if constexpr (std::is_same_v<T, InsertElements>)
    visit(effect.at, effect.values, effect.length);
  else if constexpr (std::is_same_v<T, RemoveElements>)
    visit(effect.at, effect.count, effect.length);
  else if constexpr (std::is_same_v<T, AddEntry>)
    visit(effect.id, effect.fields);
  else if constexpr (std::is_same_v<T, RemoveEntries>)
    visit(effect.ids);
  else if constexpr (std::is_same_v<T, WriteLibrary>)
    visit(effect.name, effect.code);
  else if constexpr (std::is_same_v<T, Leave>)
    visit(effect.region, effect.staying);
  else if constexpr (std::is_same_v<T, Return>)
    visit(effect.region);
}

// --- kinds ----------------------------------------------------------------------------------------

template <typename E>
Effect decode_as(Reader& from) {
  E effect;
  if constexpr (std::is_same_v<E, Flush>)
    effect.db = static_cast<std::uint32_t>(from.number_up_to(UINT32_MAX, "flushes no database"));
  else if constexpr (std::is_same_v<E, TakeOver>)
    effect = {.former = static_cast<std::uint32_t>(
                  from.number_up_to(UINT32_MAX, "takes over from no incarnation")),
              .first = from.number(),
              .base = {from.fixed()},
              .ops = std::string(from.text())};
  else
    fields_of(effect, [&](auto&&... values) { (get(from, values), ...); });
  if constexpr (std::is_same_v<E, Leave> || std::is_same_v<E, Return>) {
    if (effect.region < 1 || effect.region > kRegionIdMax) from.defect("moves a region above 16");
    if (effect.region > kRegionIdMax) effect.region = 0;
  }
  return effect;
}

template <std::size_t... kIndex>
Effect decode_kind(std::uint8_t kind, Reader& from, std::index_sequence<kIndex...> /*all*/) {
  using Decode = Effect (*)(Reader&);
  static constexpr Decode kDecoders[] = {decode_as<std::variant_alternative_t<kIndex, Effect>>...};
  return kDecoders[kind](from);
}

}  // namespace

void encode_effect(const Effect& effect, Writer& into) {
  std::visit(
      [&]<typename E>(const E& of) {
        if constexpr (std::is_same_v<E, Flush>)
          into.number(of.db);
        else if constexpr (std::is_same_v<E, TakeOver>)
          put_take_over(into, of);
        else
          fields_of(of, [&](auto&&... values) { (put(into, values), ...); });
      },
      effect);
}

Effect decode_effect(std::uint8_t kind, Reader& from) {
  if (kind < std::variant_size_v<Effect>)
    return decode_kind(kind, from, std::make_index_sequence<std::variant_size_v<Effect>>());
  from.defect("has an effect of an unknown kind");
  return RemoveKey{};
}

void encode_fields(const std::vector<Field>& fields, Writer& into) {
  put(into, fields);
}

std::vector<Field> decode_fields(Reader& from) {
  std::vector<Field> fields;
  get(from, fields);
  return fields;
}

}  // namespace sluice::crdt
