#include "crdt/untold.h"

#include <memory>
#include <variant>

#include "crdt/element_ops.h"
#include "crdt/region_state.h"
#include "crdt/sequence.h"

namespace sluice::crdt {

void begin_untold(KeyState& entry, std::uint64_t length) {
  if (entry.list == nullptr && length > 0) entry.list = std::make_unique<Sequence>(length, true);
}

std::uint64_t length_before(const Effect& effect) {
  if (const auto* const insert = std::get_if<InsertElements>(&effect)) return insert->length;
  const auto* const remove = std::get_if<RemoveElements>(&effect);
  return remove == nullptr ? 0 : remove->length;
}

bool spares_untold(const Effect& effect) {
  return std::holds_alternative<RemoveElements>(effect) ||
         std::holds_alternative<RemoveKey>(effect);
}

// Whether what the list has besides is from before the module, and told to nobody.
bool Region::State::is_first_of_plain_list(const Op& op) {
  return told_lists && type_of(op.effect) == ValueType::kList && told_lists->insert(op.key);
}

void Region::State::tell_lists() {
  if (!told_lists) return;
  table.for_each([](KeyEntry& entry) {
    if (!entry.is_short() && entry.open().list != nullptr) entry.open().list->tell();
  });
}

}  // namespace sluice::crdt
