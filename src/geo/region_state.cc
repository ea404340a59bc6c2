#include "geo/region_state.h"

#include <charconv>
#include <fmt/format.h>
#include <limits>

namespace sluice::geo {
namespace {

constexpr const char* kNoModule =
    " (no master of a region: load sluice-geo.so there, or name the one that has it)";

tl::unexpected<Error> odd(std::string_view what) {
  return fail(Errc::kProtocol, "GEO.VECTOR: unexpected " + std::string(what));
}

// Numbers come as integers, or as text where they may exceed 63 bits.
std::optional<std::uint64_t> number_of(const resp::Reply& reply) {
  if (reply.kind == resp::Reply::Kind::kInteger) {
    if (reply.integer < 0) return std::nullopt;
    return static_cast<std::uint64_t>(reply.integer);
  }
  std::uint64_t number = 0;
  const auto* const last = reply.text.data() + reply.text.size();
  const auto [end, error] = std::from_chars(reply.text.data(), last, number);
  if (reply.text.empty() || error != std::errc{} || end != last) return std::nullopt;
  return number;
}

Result<crdt::Actor> actor_of(const resp::Reply& id, const resp::Reply& incarnation) {
  const auto region = number_of(id);
  const auto life = number_of(incarnation);
  if (!region || *region == 0 || *region > crdt::kRegionIdMax) return odd("region id");
  if (!life || *life > std::numeric_limits<std::uint32_t>::max()) return odd("incarnation");
  return crdt::Actor{static_cast<crdt::RegionId>(*region), static_cast<std::uint32_t>(*life)};
}

Result<StoredPosition> position_of(const resp::Reply& reply) {
  if (reply.elements.size() != 3) return odd("position");
  TRY(const auto id, repl::ReplId::parse(reply.elements[1].text));
  const auto offset = number_of(reply.elements[2]);
  if (!offset) return odd("offset");
  return StoredPosition{reply.elements[0].text, {id, repl::Offset{*offset}}};
}

}  // namespace

std::optional<repl::Position> RegionState::position_of(std::string_view source) const {
  for (const auto& one : positions) {
    if (one.source == source) return one.position;
  }
  return std::nullopt;
}

Result<crdt::VersionVector> parse_vector(const resp::Reply& reply) {
  crdt::VersionVector vector;
  for (const auto& entry : reply.elements) {
    if (entry.elements.size() != 3) return odd("entry of a vector");
    TRY(const auto actor, actor_of(entry.elements[0], entry.elements[1]));
    const auto seq = number_of(entry.elements[2]);
    if (!seq) return odd("seq");
    vector.advance({actor, *seq});
  }
  return vector;
}

Result<RegionState> parse_region_state(const resp::Reply& reply) {
  if (reply.is_error()) {
    // It answers ROLE while it loads, and this soon after.
    if (reply.text.starts_with("LOADING")) return fail(Errc::kBusy, "GEO.VECTOR: " + reply.text);
    const bool is_unknown = reply.text.find("unknown command") != std::string::npos;
    return fail(Errc::kRejected, "GEO.VECTOR: " + reply.text + (is_unknown ? kNoModule : ""));
  }
  if (reply.elements.size() != 3 || reply.elements[0].elements.size() != 3) return odd("answer");
  const auto& who = reply.elements[0].elements;
  RegionState state;
  state.region = who[0].text;
  TRY(state.self, actor_of(who[1], who[2]));
  TRY(state.vector, parse_vector(reply.elements[1]));
  // One that cannot be read is no reason not to read the others: its link begins where the keeper's log does.
  for (const auto& one : reply.elements[2].elements) {
    if (auto position = position_of(one)) state.positions.push_back(*std::move(position));
  }
  return state;
}

std::string to_string(const crdt::VersionVector& vector) {
  std::string text;
  for (const auto& dot : vector.entries()) {
    text += fmt::format("{}{}.{}:{}", text.empty() ? "" : " ", dot.actor.region,
                        dot.actor.incarnation, dot.seq);
  }
  return text;
}

}  // namespace sluice::geo
