#include "module/link_positions.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "repl/position.h"

namespace sluice::module {

namespace {

// A host and port at most, where a link was given no name.
constexpr std::size_t kSourceBytesMax = 300;

}  // namespace

Result<Position> parse_position(std::string_view source, std::string_view replid,
                                std::string_view offset) {
  if (source.empty() || source.size() > kSourceBytesMax) {
    return fail(Errc::kRejected,
                "a source's name has 1 to " + std::to_string(kSourceBytesMax) + " bytes");
  }
  TRY(const auto id, repl::ReplId::parse(replid));
  Position position{.replid = std::string(id.text()), .offset = 0};
  const char* const end = offset.data() + offset.size();
  const auto read = std::from_chars(offset.data(), end, position.offset);
  if (offset.empty() || read.ec != std::errc() || read.ptr != end || position.offset < 0)
    return fail(Errc::kRejected, "offset is not a number of bytes");
  return position;
}

void LinkPositions::set(std::string_view source, Position position) {
  const auto at = positions_.find(source);
  if (at != positions_.end()) {
    at->second = std::move(position);
  } else {
    if (positions_.size() >= kMax) drop_oldest();
    positions_.emplace(source, std::move(position));
  }
  set_as_.insert_or_assign(std::string(source), ++sets_);
}

void LinkPositions::replace(Map positions) {
  positions_ = std::move(positions);
  set_as_.clear();
  while (positions_.size() > kMax) drop_oldest();
}

void LinkPositions::drop_oldest() {
  const auto set_as = [this](const Map::value_type& one) {
    const auto at = set_as_.find(one.first);
    return at == set_as_.end() ? 0 : at->second;
  };
  const auto oldest = std::ranges::min_element(positions_, {}, set_as);
  const auto known = set_as_.find(oldest->first);
  if (known != set_as_.end()) set_as_.erase(known);
  positions_.erase(oldest);
}

}  // namespace sluice::module
