#include "keeper/reply.h"

#include <algorithm>

namespace sluice::keeper {

void Reply::line(char type, std::string_view text) {
  wire_ += type;
  wire_ += text;
  wire_ += "\r\n";
}

void Reply::error(std::string_view text) {
  std::string one_line(text);
  std::replace(one_line.begin(), one_line.end(), '\r', ' ');
  std::replace(one_line.begin(), one_line.end(), '\n', ' ');
  line('-', one_line);
}

void Reply::bulk(std::string_view bytes) {
  line('$', std::to_string(bytes.size()));
  wire_ += bytes;
  wire_ += "\r\n";
}

void Reply::text(std::string_view bytes) {
  if (!is_resp3()) return bulk(bytes);
  line('=', std::to_string(bytes.size() + 4));
  wire_ += "txt:";
  wire_ += bytes;
  wire_ += "\r\n";
}

void Reply::null() {
  wire_ += is_resp3() ? "_\r\n" : "$-1\r\n";
}

void Reply::null_array() {
  wire_ += is_resp3() ? "_\r\n" : "*-1\r\n";
}

void Reply::map(std::size_t pairs) {
  line(is_resp3() ? '%' : '*', std::to_string(is_resp3() ? pairs : 2 * pairs));
}

}  // namespace sluice::keeper
