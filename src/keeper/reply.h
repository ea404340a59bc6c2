// One answer in the making, in the protocol that its client speaks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "resp/writer.h"

namespace sluice::keeper {

class Reply {
 public:
  explicit Reply(resp::Protocol protocol) : protocol_(protocol) {}

  void ok() { simple("OK"); }
  void simple(std::string_view text) { resp::append_simple(wire_, text); }
  // `text` begins with the code: "ERR ...".
  void error(std::string_view text) { resp::append_error(wire_, text); }
  void integer(std::int64_t value) { resp::append_integer(wire_, value); }
  void count(std::uint64_t value) { integer(static_cast<std::int64_t>(value)); }
  void bulk(std::string_view bytes) { resp::append_bulk(wire_, bytes); }
  void text(std::string_view text) { resp::append_text(wire_, text, protocol_); }
  void null() { resp::append_null(wire_, protocol_); }
  void null_array() { resp::append_null_array(wire_, protocol_); }
  void array(std::size_t elements) { resp::append_array(wire_, elements); }
  void map(std::size_t pairs) { resp::append_map(wire_, pairs, protocol_); }
  void set(std::size_t elements) { resp::append_set(wire_, elements, protocol_); }
  void push(std::size_t elements) { resp::append_push(wire_, elements, protocol_); }

  void speak(resp::Protocol protocol) { protocol_ = protocol; }
  std::string take() { return std::move(wire_); }

 private:
  resp::Protocol protocol_;
  std::string wire_;
};

}  // namespace sluice::keeper
