// Notices in a replication stream that its master wants to be told at once how much we have.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace sluice::repl {

// Looks for the word alone, as masters write it in REPLCONF GETACK: a value that holds it costs an
// acknowledgement too many, and none is ever missed. So no command has to be followed for it.
class GetackSearch {
 public:
  // Any piece of a stream, in order. Whether a GETACK ends in it.
  bool feed(std::string_view bytes);

 private:
  static constexpr std::string_view kWord = "GETACK";

  std::array<char, kWord.size() - 1> before_{};  // the last bytes, in which one may have begun
  std::size_t kept_ = 0;
};

}  // namespace sluice::repl
