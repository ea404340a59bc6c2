// How a value is written in flags, TOML and CONFIG SET: one Codec per type of setting.
//
//   parse(text)    the value, or kRejected with a detail that quotes the text and says what is right
//   write(value)   text that parse() takes back
//   show(value)    text for people, without passwords
//   placeholder()  what stands for a value in --help
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/byte_size.h"
#include "base/duration.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "base/url.h"

namespace sluice::base {

// Which TOML values a setting takes.
enum class Shape : std::uint8_t {
  kFlag,    // a boolean, or a string
  kNumber,  // a number, or a string (with a unit)
  kText,    // a string
  kList     // an array of strings, or one string
};

template <typename Enum>
struct Named {
  std::string_view name;
  Enum value;
};

// The words for an enumeration's values. Specialised beside the enumeration:
//   template <> inline constexpr auto base::kNames<Fsync> = std::to_array<base::Named<Fsync>>({...});
template <typename Enum>
inline constexpr std::array<Named<Enum>, 0> kNames{};

template <typename Enum>
constexpr std::string_view name_in_table(Enum value) {
  for (const auto& named : kNames<Enum>) {
    if (named.value == value) return named.name;
  }
  return "?";
}

tl::unexpected<Error> not_a(std::string_view text, std::string_view what);

template <typename T>
struct Codec;

template <>
struct Codec<bool> {
  static constexpr Shape kShape = Shape::kFlag;
  static Result<bool> parse(std::string_view text);
  static std::string write(bool value) { return value ? "true" : "false"; }
  static std::string show(bool value) { return write(value); }
  static std::string placeholder() { return ""; }
};

template <std::integral T>
struct Codec<T> {
  static constexpr Shape kShape = Shape::kNumber;
  static Result<T> parse(std::string_view text) {
    T value{};
    const auto* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (error == std::errc{} && end == last) return value;
    if (error != std::errc::result_out_of_range) return not_a(text, "a whole number");
    return not_a(text, "between " + write(std::numeric_limits<T>::min()) + " and " +
                           write(std::numeric_limits<T>::max()));
  }
  static std::string write(T value) { return std::to_string(value); }
  static std::string show(T value) { return write(value); }
  static std::string placeholder() { return "N"; }
};

template <>
struct Codec<double> {
  static constexpr Shape kShape = Shape::kNumber;
  static Result<double> parse(std::string_view text);  // finite
  static std::string write(double value);
  static std::string show(double value) { return write(value); }
  static std::string placeholder() { return "NUMBER"; }
};

template <>
struct Codec<std::string> {
  static constexpr Shape kShape = Shape::kText;
  static Result<std::string> parse(std::string_view text) { return std::string(text); }
  static std::string write(const std::string& value) { return value; }
  static std::string show(const std::string& value) { return value; }
  static std::string placeholder() { return "TEXT"; }
};

template <>
struct Codec<ByteSize> {
  static constexpr Shape kShape = Shape::kNumber;
  static Result<ByteSize> parse(std::string_view text) { return parse_byte_size(text); }
  static std::string write(ByteSize value) { return to_string(value); }
  static std::string show(ByteSize value) { return write(value); }
  static std::string placeholder() { return "SIZE"; }
};

template <typename Rep, typename Period>
struct Codec<std::chrono::duration<Rep, Period>> {
  using Value = std::chrono::duration<Rep, Period>;
  static constexpr Shape kShape = Shape::kNumber;
  static Result<Value> parse(std::string_view text) {
    TRY(const auto exact, parse_duration(text));
    const auto value = std::chrono::duration_cast<Value>(exact);
    if (value != exact) return not_a(text, "a multiple of " + write(Value{1}));
    return value;
  }
  static std::string write(Value value) { return to_string(std::chrono::nanoseconds(value)); }
  static std::string show(Value value) { return write(value); }
  static std::string placeholder() { return "TIME"; }
};

template <typename Enum>
  requires std::is_enum_v<Enum>
struct Codec<Enum> {
  static_assert(!kNames<Enum>.empty(), "specialise base::kNames for this enumeration");
  static constexpr Shape kShape = Shape::kText;
  static Result<Enum> parse(std::string_view text) {
    for (const auto& named : kNames<Enum>) {
      if (named.name == text) return named.value;
    }
    return not_a(text, "one of " + placeholder());
  }
  static std::string write(Enum value) { return std::string(name_in_table(value)); }
  static std::string show(Enum value) { return write(value); }
  static std::string placeholder() {
    std::string names;
    for (const auto& named : kNames<Enum>) {
      names += (names.empty() ? "" : "|") + std::string(named.name);
    }
    return names;
  }
};

template <>
struct Codec<Endpoint> {
  static constexpr Shape kShape = Shape::kText;
  static Result<Endpoint> parse(std::string_view text) { return parse_endpoint(text); }
  static std::string write(const Endpoint& value);  // empty if value is Endpoint{}
  static std::string show(const Endpoint& value) { return write(value); }
  static std::string placeholder() { return "HOST:PORT"; }
};

template <>
struct Codec<RedisUrl> {
  static constexpr Shape kShape = Shape::kText;
  static Result<RedisUrl> parse(std::string_view text) { return parse_redis_url(text); }
  static std::string write(const RedisUrl& value) { return with_password(value); }
  static std::string show(const RedisUrl& value) { return to_string(value); }
  static std::string placeholder() { return "URL"; }
};

// An empty text is no value.
template <typename T>
struct Codec<std::optional<T>> {
  static constexpr Shape kShape = Codec<T>::kShape;
  static Result<std::optional<T>> parse(std::string_view text) {
    if (text.empty()) return std::optional<T>();
    TRY(auto value, Codec<T>::parse(text));
    return std::optional<T>(std::move(value));
  }
  static std::string write(const std::optional<T>& v) { return v ? Codec<T>::write(*v) : ""; }
  static std::string show(const std::optional<T>& v) { return v ? Codec<T>::show(*v) : ""; }
  static std::string placeholder() { return Codec<T>::placeholder(); }
};

}  // namespace sluice::base
