#include "crdt/number.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::crdt {

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const bool is_canonical = text[0] == '0' ? text.size() == 1 : text[0] != '-' || text[1] != '0';
  return is_canonical ? std::optional(value) : std::nullopt;
}

std::optional<long double> parse_float(std::string_view text) {
  constexpr std::size_t kTextMax = 5 * 1024;  // MAX_LONG_DOUBLE_CHARS
  if (text.empty() || text.size() >= kTextMax) return std::nullopt;
  const auto first = static_cast<unsigned char>(text[0]);
  if (std::isspace(first) != 0 || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  char* end = nullptr;
  const long double value = std::strtold(terminated.c_str(), &end);
  if (end != terminated.c_str() + terminated.size() || std::isnan(value)) return std::nullopt;
  return value;
}

std::int64_t wrapping_sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

std::int64_t wrapping_difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

namespace {

std::string incremented_by(const std::string& text, long double by) {
  const auto value = parse_float(text);
  if (!value) return text;
  const long double sum = *value + by;
  return std::isnan(sum) || std::isinf(sum) ? text : to_text(sum);
}

}  // namespace

std::string incremented(const std::string& text, std::int64_t by) {
  const auto value = parse_integer(text);
  if (value) return std::to_string(wrapping_sum(*value, by));
  return incremented_by(text, static_cast<long double>(by));
}

std::string incremented(const std::string& text, std::string_view by) {
  const auto parsed = parse_float(by);
  return parsed ? incremented_by(text, *parsed) : text;
}

namespace {

// Whether 17 decimals say exactly this: they are finer than half the distance of two such numbers, or it has no more.
bool survives_text(long double value) {
  constexpr long double kCoarse = 128;  // from here on two numbers are 2^-56 apart, or more
  constexpr int kDecimals = 17;         // n binary places take n decimals
  if (std::fabs(value) >= kCoarse) return true;
  const long double places = std::ldexp(value, kDecimals);
  return places == std::trunc(places);
}

}  // namespace

void SteppedSum::add(std::int64_t by) {
  constexpr long double kWide = 0x1p62L;
  if (!value_) return;
  if (std::fabs(*value_) < kWide && std::fabs(static_cast<long double>(by)) < kWide)
    return add(static_cast<long double>(by));
  text_ = incremented(std::move(*this).text(), by);  // integers wrap
  value_ = parse_float(text_);
  is_text_ = true;
}

void SteppedSum::add(std::string_view by) {
  const auto parsed = parse_float(by);
  if (value_ && parsed) add(*parsed);
}

void SteppedSum::add(long double by) {
  const long double sum = *value_ + by;
  if (std::isnan(sum) || std::isinf(sum)) return;
  value_ = survives_text(sum) ? sum : parse_float(to_text(sum));
  is_text_ = false;
}

std::string SteppedSum::text() && {
  return is_text_ ? std::move(text_) : to_text(*value_);
}

std::string to_text(long double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text(static_cast<std::size_t>(std::snprintf(nullptr, 0, "%.17Lf", value)), '\0');
  std::snprintf(text.data(), text.size() + 1, "%.17Lf", value);
  text.resize(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string score_bytes(double score) {
  std::string bytes(sizeof score, '\0');
  std::memcpy(bytes.data(), &score, sizeof score);
  return bytes;
}

double score_of(std::string_view bytes) {
  double score = 0;
  if (bytes.size() == sizeof score) std::memcpy(&score, bytes.data(), sizeof score);
  return score;
}

}  // namespace sluice::crdt
