// Appends RESP2 or RESP3 to a string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::keeper {

class Reply {
 public:
  explicit Reply(int protocol) : protocol_(protocol) {}

  void simple(std::string_view text) { line('+', text); }
  void ok() { simple("OK"); }
  // `text` begins with the code: "ERR ...". Line ends in it become spaces.
  void error(std::string_view text);
  void integer(std::int64_t value) { line(':', std::to_string(value)); }
  void count(std::uint64_t value) { line(':', std::to_string(value)); }
  void bulk(std::string_view bytes);
  void text(std::string_view bytes);  // for a human: a verbatim string in RESP3
  void null();
  void null_array();
  void array(std::size_t size) { line('*', std::to_string(size)); }
  void set(std::size_t size) { line(is_resp3() ? '~' : '*', std::to_string(size)); }
  void push(std::size_t size) { line(is_resp3() ? '>' : '*', std::to_string(size)); }
  void map(std::size_t pairs);

  bool is_resp3() const { return protocol_ == 3; }
  void speak(int protocol) { protocol_ = protocol; }
  std::string take() { return std::move(wire_); }

 private:
  void line(char type, std::string_view text);

  int protocol_;
  std::string wire_;
};

}  // namespace sluice::keeper
