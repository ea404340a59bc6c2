#include "repl/getack_search.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

namespace sluice::repl {
namespace {

using Lanes [[gnu::vector_size(16)]] = signed char;

constexpr std::size_t kStride = 16 * sizeof(Lanes);

Lanes load(const char* at) {
  Lanes lanes;
  std::memcpy(&lanes, at, sizeof lanes);
  return lanes;
}

// Whether some place of [at, at + kStride) holds the first letter and the last one where a word that
// begins there has it.
bool may_begin(const char* at, std::string_view word) {
  const auto first = static_cast<signed char>(word.front());
  const auto last = static_cast<signed char>(word.back());
  Lanes found{};
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kStride; i += sizeof found) {
    found |= (load(at + i) == first) & (load(at + i + word.size() - 1) == last);
  }
  std::array<std::uint64_t, 2> halves{};
  std::memcpy(halves.data(), &found, sizeof halves);
  return (halves[0] | halves[1]) != 0;
}

// From one first letter to the next, but a stride at a time where they are many.
bool holds(std::string_view bytes, std::string_view word) {
  for (;;) {
    const auto first = bytes.find(word.front());
    if (first == std::string_view::npos) return false;
    bytes.remove_prefix(first);
    if (bytes.size() < kStride + word.size()) return bytes.find(word) != std::string_view::npos;
    const auto near = bytes.substr(0, kStride + word.size() - 1);
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): it knows the length
    if (may_begin(near.data(), word) && near.find(word) != std::string_view::npos) return true;
    bytes.remove_prefix(kStride);
  }
}

}  // namespace

bool GetackSearch::feed(std::string_view bytes) {
  std::string border(before_.data(), kept_);
  border += bytes.substr(0, kWord.size() - 1);
  const bool is_found = holds(border, kWord) || holds(bytes, kWord);
  const auto last =
      bytes.size() < before_.size()
          ? std::string_view(border).substr(border.size() - std::min(border.size(), before_.size()))
          : bytes.substr(bytes.size() - before_.size());
  std::ranges::copy(last, before_.begin());
  kept_ = last.size();
  return is_found;
}

}  // namespace sluice::repl
