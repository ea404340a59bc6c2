#include "resp/quote.h"

namespace sluice::resp {
namespace {

char escape_letter(char c) {
  switch (c) {
    case '\\':
    case '"':
      return c;
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\a':
      return 'a';
    case '\b':
      return 'b';
    default:
      return '\0';
  }
}

void append_hex(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out += "\\x";
  out += kDigits[byte >> 4U];
  out += kDigits[byte & 15U];
}

}  // namespace

std::string quote(std::string_view bytes) {
  std::string out = "\"";
  for (const char c : bytes) {
    if (const char letter = escape_letter(c); letter != '\0') {
      out += '\\';
      out += letter;
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      append_hex(out, c);
    }
  }
  return out += '"';
}

}  // namespace sluice::resp
