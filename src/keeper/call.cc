#include "keeper/call.h"

#include <algorithm>

namespace sluice::keeper {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// A set such as [a-z^] at the head of `pattern`; leaves `pattern` behind its bracket.
bool matches_set(std::string_view& pattern, char c) {
  pattern.remove_prefix(1);
  const bool negated = pattern.starts_with('^');
  if (negated) pattern.remove_prefix(1);
  bool found = false;
  while (!pattern.empty() && pattern.front() != ']') {
    if (pattern.front() == '\\' && pattern.size() >= 2) pattern.remove_prefix(1);
    const char low = pattern.front();
    char high = low;
    if (pattern.size() >= 3 && pattern[1] == '-') {
      high = pattern[2];
      pattern.remove_prefix(2);
    }
    found |= std::min(low, high) <= c && c <= std::max(low, high);
    pattern.remove_prefix(1);
  }
  if (!pattern.empty()) pattern.remove_prefix(1);
  return found != negated;
}

// One element of `pattern` that is no star, against one character.
bool matches_one(std::string_view& pattern, char c) {
  if (pattern.front() == '[') return matches_set(pattern, c);
  if (pattern.front() == '\\' && pattern.size() >= 2) {
    pattern.remove_prefix(1);
  } else if (pattern.front() == '?') {
    pattern.remove_prefix(1);
    return true;
  }
  const bool same = pattern.front() == c;
  pattern.remove_prefix(1);
  return same;
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  const auto same = [](char x, char y) { return lower(x) == lower(y); };
  return std::ranges::equal(a, b, same);
}

std::string lower_case(std::string_view text) {
  std::string lowered(text);
  std::ranges::transform(lowered, lowered.begin(), lower);
  return lowered;
}

// Redis: stringmatchlen. Only the last star is ever taken back, so the time is bounded by the
// product of the lengths whatever the pattern.
bool matches_glob(std::string_view pattern, std::string_view text) {
  std::optional<std::string_view> after_star;
  std::string_view retry;
  while (!text.empty() || !pattern.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      after_star = pattern;
      retry = text;
      continue;
    }
    if (!pattern.empty() && !text.empty() && matches_one(pattern, text.front())) {
      text.remove_prefix(1);
      continue;
    }
    if (!after_star || retry.empty()) return false;
    retry.remove_prefix(1);
    text = retry;
    pattern = *after_star;
  }
  return true;
}

}  // namespace sluice::keeper
