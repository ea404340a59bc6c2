// What a region has of its own, made once more on top of a peer's snapshot.
#include <algorithm>
#include <set>

#include "crdt/element_ops.h"
#include "crdt/native.h"
#include "crdt/rejoin.h"

namespace sluice::crdt {
namespace {

// What was removed on top of a snapshot whose merge was cut off. The next one has what others have written since, which
// nobody has seen who removed; and elements of a list stand in other places.
bool is_removal(const Effect& effect) {
  return std::holds_alternative<RemoveKey>(effect) ||
         std::holds_alternative<RemoveFields>(effect) ||
         std::holds_alternative<RemoveMembers>(effect) ||
         std::holds_alternative<RemoveScores>(effect) ||
         std::holds_alternative<RemoveElements>(effect) ||
         std::holds_alternative<RemoveEntries>(effect);
}

// Whether the peer has a later write of the same element, or another type.
bool gives_way(const Surplus& surplus, KeyState* peer, bool is_new, Keyspace& keyspace) {
  if (is_removal(surplus.op.effect)) return true;
  const auto type = type_of(surplus.op.effect);
  const auto shown = keyspace.type(surplus.op.key);
  if (type == ValueType::kNone) {
    const auto* const set = std::get_if<SetDeadline>(&surplus.op.effect);
    return shown == ValueType::kNone ||
           (!is_new && set->deadline <= keyspace.deadline(surplus.op.key));
  }
  if (shown != ValueType::kNone && shown != type) return true;
  // What no PFADD would have done.
  const bool is_hll = std::holds_alternative<AddToHll>(surplus.op.effect) ||
                      std::holds_alternative<MergeHll>(surplus.op.effect);
  if (is_hll && shown == type && !keyspace.string(surplus.op.key).starts_with("HYLL")) return true;
  const auto ops = element_ops(surplus.op.effect);
  if (ops.empty() || !ops.front().kills || shown == ValueType::kNone) return false;
  if (surplus.stamp == Stamp{})
    return read_element(keyspace, surplus.op.key, type, ops.front().name).has_value();
  const Body* const body = peer == nullptr ? nullptr : peer->find(type);
  if (body == nullptr) return false;
  const auto* const found = body->elements.find(ops.front().name);
  if (found == nullptr) return false;
  const auto winner = found->winner();
  return winner && winner->stamp > surplus.stamp;
}

// Elements of lists without metadata are plain, or ops of which nothing is kept: those the peer has too.
void drop_told(std::vector<Surplus>& surplus, const std::vector<std::string>& of_peer) {
  std::multiset<std::string> told(of_peer.begin(), of_peer.end());
  for (Surplus& left : surplus) {
    auto* const insert = std::get_if<InsertElements>(&left.op.effect);
    if (insert == nullptr || left.stamp.dot.seq != 0) continue;
    std::vector<std::string> plain;
    for (std::string& value : insert->values)
      if (told.extract(value).empty()) plain.push_back(std::move(value));
    insert->values = std::move(plain);
  }
  std::erase_if(surplus, [](const Surplus& left) {
    const auto* const insert = std::get_if<InsertElements>(&left.op.effect);
    return insert != nullptr && insert->values.empty();
  });
}

// What was inserted on top of a snapshot whose merge was cut off has the place and the length of that one's list.
void place_anew(Effect& effect, const KeyName& key, Keyspace& keyspace) {
  auto* const insert = std::get_if<InsertElements>(&effect);
  if (insert == nullptr) return;
  const bool is_list = keyspace.type(key) == ValueType::kList;
  const auto length = static_cast<std::int64_t>(is_list ? keyspace.list_length(key) : 0);
  insert->at = std::clamp(insert->at, -length - 1, length);
  insert->length = 0;  // to be filled in
}

}  // namespace

// Does once more, as writes of this region on top of what the peer has; what of it did not give way.
std::vector<Surplus> Region::State::redo(std::vector<Surplus> surplus, KeyState* peer,
                                         Keyspace& keyspace, std::uint64_t now_ms) {
  std::vector<Surplus> kept;
  if (surplus.empty()) return kept;
  const KeyName key = surplus.front().op.key;
  const bool is_new = keyspace.type(key) == ValueType::kNone;
  if (told_lists && told_lists->contains(key) && keyspace.type(key) == ValueType::kList)
    drop_told(surplus, keyspace.list_range(key, 0, keyspace.list_length(key)));
  for (Surplus& left : surplus) {
    if (gives_way(left, peer, is_new, keyspace)) {
      lost_write(left.op.key, "", {}, left.stamp);
      continue;
    }
    // Without metadata it is older than all lives.
    if (left.stamp == Stamp{}) left.stamp = {Hlc{now_ms << 16U}, {{self.region, 0}, 0}};
    redo(kept.emplace_back(std::move(left)), keyspace);
  }
  return kept;
}

void Region::State::redo(Surplus left, Keyspace& keyspace) {
  left.op.creates = keyspace.type(left.op.key) == ValueType::kNone;
  place_anew(left.op.effect, left.op.key, keyspace);
  KeyState scratch;
  const auto all = Context::everything();
  merge_op({left.op, left.stamp, all, vector}, scratch, keyspace, *this);
  fill(left.op, keyspace);
  merging->redo.push_back(std::move(left));
}

}  // namespace sluice::crdt
