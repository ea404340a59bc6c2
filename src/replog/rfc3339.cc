#include "replog/rfc3339.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <system_error>

namespace sluice::replog {
namespace {

using std::chrono::milliseconds;

// Takes fields off the front of a text; once one does not fit, all after it fail too.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    int value = 0;
    if (rest_.size() < digits) return spoil();
    const auto* const past = rest_.data() + digits;
    const auto [end, error] = std::from_chars(rest_.data(), past, value);
    if (error != std::errc{} || end != past || rest_.front() == '-') return spoil();
    rest_.remove_prefix(digits);
    return value;
  }

  char one_of(std::string_view allowed) {
    if (rest_.empty() || allowed.find(rest_.front()) == std::string_view::npos) {
      spoil();
      return '\0';
    }
    const char found = rest_.front();
    rest_.remove_prefix(1);
    return found;
  }

  bool starts_with(char c) const { return rest_.starts_with(c); }

  // ".5" is 500 ms; more than three digits are cut.
  int fraction_ms() {
    if (!starts_with('.')) return 0;
    rest_.remove_prefix(1);
    int value = 0;
    std::size_t digits = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; ++digits) {
      if (digits < 3) value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    if (digits == 0) return spoil();
    for (; digits < 3; ++digits) value *= 10;
    return value;
  }

  bool are_whole() const { return !is_spoilt_ && rest_.empty(); }

 private:
  int spoil() {
    is_spoilt_ = true;
    return 0;
  }

  std::string_view rest_;
  bool is_spoilt_ = false;
};

milliseconds zone(Fields& fields) {
  const char sign = fields.one_of("Zz+-");
  if (sign == 'Z' || sign == 'z' || sign == '\0') return milliseconds{0};
  const std::chrono::hours hours{fields.number(2)};
  fields.one_of(":");
  const milliseconds ahead = hours + std::chrono::minutes{fields.number(2)};
  return sign == '-' ? -ahead : ahead;
}

}  // namespace

std::string to_rfc3339(std::int64_t wall_ms) {
  using std::chrono::floor;
  const std::chrono::sys_time<milliseconds> time{milliseconds{wall_ms}};
  const auto day = floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", int{date.year()},
                unsigned{date.month()}, unsigned{date.day()},
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text;
}

Result<std::int64_t> parse_rfc3339(std::string_view text) {
  Fields fields(text);
  const std::chrono::year year{fields.number(4)};
  fields.one_of("-");
  const std::chrono::month month{static_cast<unsigned>(fields.number(2))};
  fields.one_of("-");
  const std::chrono::day day{static_cast<unsigned>(fields.number(2))};
  fields.one_of("Tt ");
  const std::chrono::hours hours{fields.number(2)};
  fields.one_of(":");
  const std::chrono::minutes minutes{fields.number(2)};
  fields.one_of(":");
  const std::chrono::seconds seconds{fields.number(2)};
  const milliseconds fraction{fields.fraction_ms()};
  const milliseconds ahead = zone(fields);
  const std::chrono::year_month_day date{year, month, day};
  if (!fields.are_whole() || !date.ok() || hours.count() > 23 || minutes.count() > 59 ||
      seconds.count() > 60) {
    return fail(Errc::kRejected,
                "'" + std::string(text) + "' is not a time like 2026-11-22T03:04:05.678Z");
  }
  const milliseconds time =
      std::chrono::sys_days{date}.time_since_epoch() + hours + minutes + seconds + fraction - ahead;
  return time.count();
}

}  // namespace sluice::replog
