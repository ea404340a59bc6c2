#include "crdt/key_set.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::crdt {
namespace {

// The finalizer of MurmurHash3 (Appleby): every bit of the input changes half of the output's.
std::uint64_t mixed(std::uint64_t bits) {
  bits ^= bits >> 33U;
  bits *= 0xff51afd7ed558ccdU;
  bits ^= bits >> 33U;
  bits *= 0xc4ceb9fe1a85ec53U;
  return bits ^ bits >> 33U;
}

}  // namespace

KeySet::Print KeySet::print_of(const KeyName& key) {
  Print print{mixed(key.db + 1), mixed(key.name.size() ^ 0x9e3779b97f4a7c15U)};
  for (std::string_view rest = key.name; !rest.empty();) {
    std::uint64_t word = 0;
    const auto count = std::min<std::size_t>(rest.size(), sizeof word);
    std::memcpy(&word, rest.data(), count);
    rest.remove_prefix(count);
    print.high = mixed(print.high ^ word) + 0x52dce729U;
    print.low = mixed(print.low * 5 + (word ^ print.high));
  }
  if (print == Print{}) print.low = 1;
  return print;
}

std::size_t KeySet::slot_of(Print print) const {
  std::size_t at = print.low & (slots_.size() - 1);
  while (slots_[at] != Print{} && slots_[at] != print) at = (at + 1) & (slots_.size() - 1);
  return at;
}

bool KeySet::contains(const KeyName& key) const {
  if (slots_.empty()) return false;
  return slots_[slot_of(print_of(key))] != Print{};
}

bool KeySet::insert(Print print) {
  constexpr std::size_t kSlotsMin = 64;
  if (size_ * 4 >= slots_.size() * 3) {
    const auto old =
        std::exchange(slots_, std::vector<Print>(slots_.empty() ? kSlotsMin : slots_.size() * 2));
    for (const Print& one : old)
      if (one != Print{}) slots_[slot_of(one)] = one;
  }
  Print& slot = slots_[slot_of(print)];
  if (slot == print) return false;
  slot = print;
  ++size_;
  return true;
}

}  // namespace sluice::crdt
