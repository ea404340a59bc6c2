#include "resp/inline_command.h"

#include <charconv>
#include <system_error>

namespace sluice::resp {
namespace {

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Cuts arguments off the front of a line.
class Splitter {
 public:
  explicit Splitter(std::string_view line) : rest_(line) {}

  bool skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    return !rest_.empty();
  }

  std::optional<std::string> argument() {
    std::string text;
    while (!rest_.empty() && !is_blank(rest_.front())) {
      const char c = take();
      if (c == '"' || c == '\'') {
        if (!quoted(c, text)) return std::nullopt;
        return text;
      }
      text += c;
    }
    return text;
  }

 private:
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  // The rest of an argument up to its closing quote, which a blank or the end must follow.
  bool quoted(char quote, std::string& text) {
    while (!rest_.empty()) {
      const char c = take();
      if (c == quote) return rest_.empty() || is_blank(rest_.front());
      text += c == '\\' ? escape(quote) : c;
    }
    return false;
  }

  // What stands for the characters after a backslash; one that escapes nothing is itself.
  char escape(char quote) {
    if (quote == '\'') return rest_.starts_with('\'') ? take() : '\\';
    if (rest_.empty()) return '\\';
    const char c = take();
    if (c != 'x' || rest_.size() < 2) return unescaped(c);
    unsigned code = 0;
    const auto* const last = rest_.data() + 2;
    const auto [end, error] = std::from_chars(rest_.data(), last, code, 16);
    if (error != std::errc{} || end != last) return c;
    rest_.remove_prefix(2);
    return static_cast<char>(code);
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<std::string>> split_inline(std::string_view line) {
  Splitter splitter(line.substr(0, line.find('\0')));
  std::vector<std::string> arguments;
  while (splitter.skip_blanks()) {
    auto argument = splitter.argument();
    if (!argument) return std::nullopt;
    arguments.push_back(*std::move(argument));
  }
  return arguments;
}

}  // namespace sluice::resp
