#include "resp/writer.h"

#include <array>
#include <charconv>
#include <cmath>

namespace sluice::resp {
namespace {

void append_header(std::string& out, char type, std::int64_t number) {
  std::array<char, 24> line{};
  line[0] = type;
  auto* end = std::to_chars(line.data() + 1, line.data() + line.size() - 2, number).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(line.data(), end);
}

void append_line(std::string& out, char type, std::string_view text) {
  out += type;
  for (const char c : text) out += c == '\r' || c == '\n' ? ' ' : c;
  out += "\r\n";
}

// The shortest text that reads back as the same number; Redis writes inf, -inf and nan so.
std::string to_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr};
}

void append_aggregate(std::string& out, char type, std::size_t count) {
  append_header(out, type, static_cast<std::int64_t>(count));
}

}  // namespace

void append_simple(std::string& out, std::string_view text) {
  append_line(out, '+', text);
}

void append_error(std::string& out, std::string_view text) {
  append_line(out, '-', text);
}

void append_integer(std::string& out, std::int64_t number) {
  append_header(out, ':', number);
}

void append_bulk(std::string& out, std::string_view bytes) {
  append_aggregate(out, '$', bytes.size());
  out.append(bytes).append("\r\n");
}

void append_null(std::string& out, Protocol protocol) {
  out += protocol == Protocol::kResp3 ? "_\r\n" : "$-1\r\n";
}

void append_null_array(std::string& out, Protocol protocol) {
  out += protocol == Protocol::kResp3 ? "_\r\n" : "*-1\r\n";
}

void append_boolean(std::string& out, bool truth, Protocol protocol) {
  if (protocol == Protocol::kResp2) return append_integer(out, truth ? 1 : 0);
  out += truth ? "#t\r\n" : "#f\r\n";
}

void append_double(std::string& out, double number, Protocol protocol) {
  if (protocol == Protocol::kResp2) return append_bulk(out, to_text(number));
  append_line(out, ',', to_text(number));
}

void append_text(std::string& out, std::string_view text, Protocol protocol) {
  if (protocol == Protocol::kResp2) return append_bulk(out, text);
  append_aggregate(out, '=', text.size() + 4);
  out.append("txt:").append(text).append("\r\n");
}

void append_array(std::string& out, std::size_t elements) {
  append_aggregate(out, '*', elements);
}

void append_map(std::string& out, std::size_t pairs, Protocol protocol) {
  if (protocol == Protocol::kResp2) return append_array(out, 2 * pairs);
  append_aggregate(out, '%', pairs);
}

void append_set(std::string& out, std::size_t elements, Protocol protocol) {
  append_aggregate(out, protocol == Protocol::kResp2 ? '*' : '~', elements);
}

void append_push(std::string& out, std::size_t elements, Protocol protocol) {
  append_aggregate(out, protocol == Protocol::kResp2 ? '*' : '>', elements);
}

void append_command(std::string& out, std::span<const std::string_view> arguments) {
  append_array(out, arguments.size());
  for (const auto argument : arguments) append_bulk(out, argument);
}

void append_command(std::string& out, std::initializer_list<std::string_view> arguments) {
  append_command(out, std::span(arguments.begin(), arguments.size()));
}

}  // namespace sluice::resp
