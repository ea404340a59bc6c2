// "Did you mean ...?": the candidate that a mistyped word stands for.
#pragma once

#include <span>
#include <string_view>

namespace sluice::base {

// Empty if none is close: within a third of the word's letters, changed, swapped, missing or added.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace sluice::base
