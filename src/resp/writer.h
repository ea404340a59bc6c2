// Appends replies and commands to a buffer, in RESP2 or RESP3.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace sluice::resp {

enum class Protocol : std::uint8_t { kResp2 = 2, kResp3 = 3 };  // as HELLO numbers them

// Line breaks in the text become blanks, for they would end the reply (Redis: addReplyErrorLength).
void append_simple(std::string& out, std::string_view text);
// `text` opens with the code: "ERR unknown command".
void append_error(std::string& out, std::string_view text);
void append_integer(std::string& out, std::int64_t number);
void append_bulk(std::string& out, std::string_view bytes);
void append_null(std::string& out, Protocol protocol);
void append_null_array(std::string& out, Protocol protocol);
void append_boolean(std::string& out, bool truth, Protocol protocol);
void append_double(std::string& out, double number, Protocol protocol);
// Text for people, such as INFO's; a bulk string in RESP2.
void append_text(std::string& out, std::string_view text, Protocol protocol);

// Headers: the elements follow. A map of n pairs is an array of 2n in RESP2, a set and a push are
// arrays.
void append_array(std::string& out, std::size_t elements);
void append_map(std::string& out, std::size_t pairs, Protocol protocol);
void append_set(std::string& out, std::size_t elements, Protocol protocol);
void append_push(std::string& out, std::size_t elements, Protocol protocol);

void append_command(std::string& out, std::span<const std::string_view> arguments);
void append_command(std::string& out, std::initializer_list<std::string_view> arguments);

}  // namespace sluice::resp
