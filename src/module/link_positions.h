// Where each link stands in the stream that it reads: kept with the data, so that a link need remember nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::module {

// In the stream of the region that a link reads from.
struct Position {
  std::string replid;
  std::int64_t offset = 0;
};

// kRejected says what is wrong: of a source's name, a replid or an offset that links could not read again.
Result<Position> parse_position(std::string_view source, std::string_view replid,
                                std::string_view offset);

class LinkPositions {
 public:
  using Map = std::map<std::string, Position, std::less<>>;
  // Links that were renamed leave theirs behind. Of more than these the one that was not set for longest goes: its link,
  // if there is one, begins where its keeper's log does.
  static constexpr std::size_t kMax = 64;

  void set(std::string_view source, Position position);
  void replace(Map positions);  // all of them; those that are too many go by name
  const Map& all() const { return positions_; }

 private:
  void drop_oldest();

  Map positions_;
  std::map<std::string, std::uint64_t, std::less<>>
      set_as_;  // the how manieth; since the last load
  std::uint64_t sets_ = 0;
};

}  // namespace sluice::module
