// Takes "+PROXY" lines off the front of a connection, however the network happened to split it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::tunnel {

// Holds at most kLineBytesMax bytes. After a line it is ready for the next.
class LineReader {
 public:
  struct Taken {
    std::size_t consumed = 0;           // what follows belongs to the next line, or to the tunnel
    std::optional<std::string> line{};  // without CRLF, once it is whole
  };

  // kProtocol if this is no such line: another start than "+PROXY", an unprintable byte, no CRLF
  // within kLineBytesMax.
  Result<Taken> take(std::string_view bytes);

  bool has_begun() const { return !pending_.empty(); }

 private:
  std::string pending_;
};

}  // namespace sluice::tunnel
