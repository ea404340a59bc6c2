// A hash of the names that the tables here look for.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::crdt {

// Multiplies in eight bytes after the other; a multiplication mixes upwards only, so each is folded down again.
inline std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
  return hash ^ (hash >> 32U);
}

inline std::uint64_t name_hash(std::string_view name, std::uint32_t seed) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const char* at = name.data();
  const std::size_t size = name.size();
  std::uint64_t hash = size ^ std::uint64_t{seed} << 32U;
  std::uint64_t word = 0;
  if (size < kWord) {
    for (std::size_t byte = 0; byte < size; ++byte)
      word = word << 8U | static_cast<unsigned char>(at[byte]);
    return mixed(mixed(hash, word), size);
  }
  const char* const last = at + size - kWord;  // may overlap the word before
  for (; at < last; at += kWord) {
    std::memcpy(&word, at, kWord);
    hash = mixed(hash, word);
  }
  std::memcpy(&word, last, kWord);
  return mixed(mixed(hash, word), size);
}

}  // namespace sluice::crdt
