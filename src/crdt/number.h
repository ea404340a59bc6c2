// Arithmetic on values as Redis does it, so that every region comes to the same bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::crdt {

// The canonical decimal of a 64-bit integer, as Redis's string2ll: no plus, no leading zeros.
std::optional<std::int64_t> parse_integer(std::string_view text);
// As Redis's string2ld: no white space, no NaN.
std::optional<long double> parse_float(std::string_view text);

// Sums beyond 64 bits wrap: the only bounded sum that does not depend on the order of its parts.
std::int64_t wrapping_sum(std::int64_t a, std::int64_t b);
std::int64_t wrapping_difference(std::int64_t a, std::int64_t b);

// INCRBY and INCRBYFLOAT of the value `text`; a value that is no number, and a sum that is none, stay.
std::string incremented(const std::string& text, std::int64_t by);
std::string incremented(const std::string& text, std::string_view by);

// What a row of such increments makes of a value, without the text between two of them where that would change nothing.
class SteppedSum {
 public:
  explicit SteppedSum(std::string text) : text_(std::move(text)), value_(parse_float(text_)) {}
  void add(std::int64_t by);
  void add(std::string_view by);
  std::string text() &&;

 private:
  void add(long double by);

  std::string text_;  // where value_ does not say it
  std::optional<long double> value_;
  bool is_text_ = true;
};

// Redis's ld2string with LD_STR_HUMAN: 17 decimals without trailing zeros.
std::string to_text(long double value);

// Scores travel through generic code as their 8 bytes.
std::string score_bytes(double score);
double score_of(std::string_view bytes);

}  // namespace sluice::crdt
