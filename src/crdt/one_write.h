// The commonest ops as views of bytes that stand elsewhere: one element written, or an integer added.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "crdt/keyspace.h"
#include "crdt/op.h"

namespace sluice::crdt {

enum class OneKind : std::uint8_t { kString, kIncrement, kField, kMember, kScore };

// An Op that owns nothing: most writes are of these kinds, and most of what an Op costs is its allocations.
struct OneWrite {
  KeyView key;
  OneKind kind = OneKind::kString;
  bool creates = false;         // as Op's
  std::string_view name = {};   // of the field or member
  std::string_view value = {};  // kString, kField
  // kString: the deadline; kIncrement: what is added; kScore: the score's bits.
  std::uint64_t number = 0;
};

constexpr ValueType type_of(OneKind kind) {
  switch (kind) {
    case OneKind::kString:
    case OneKind::kIncrement:
      return ValueType::kString;
    case OneKind::kField:
      return ValueType::kHash;
    case OneKind::kMember:
      return ValueType::kSet;
    case OneKind::kScore:
      return ValueType::kZset;
  }
  return ValueType::kNone;
}

// `op` as one of these, if it is. A view of it.
std::optional<OneWrite> one_write(const Op& op);
Op op_of(const OneWrite& one);

}  // namespace sluice::crdt
