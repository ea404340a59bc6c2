#include "crdt/key_entry.h"

#include "crdt/number.h"

namespace sluice::crdt {

std::pair<bool, Stamp> Body::rank() const {
  std::pair<bool, Stamp> best;
  for (const auto& [name, element] : elements) {
    if (const auto created = element.greatest(true)) best = std::max(best, {true, *created});
    if (const auto any = element.greatest(false)) best = std::max(best, {false, *any});
  }
  return best;
}

Body* KeyState::find(ValueType type) {
  const auto found = std::ranges::find(bodies, type, &Body::type);
  return found == bodies.end() ? nullptr : &*found;
}

Body& KeyState::body(ValueType type) {
  if (Body* const found = find(type)) return *found;
  return bodies.emplace_back(Body{type});
}

void KeyState::drop_empty_bodies() {
  std::erase_if(bodies, [](const Body& body) { return body.empty(); });
}

std::optional<ValueType> KeyState::highest() const {
  std::optional<std::pair<std::pair<bool, Stamp>, ValueType>> best;
  for (const Body& body : bodies)
    best = std::max(best, std::optional(std::pair(body.rank(), body.type)));
  if (has_list()) best = std::max(best, std::optional(std::pair(*list->rank(), ValueType::kList)));
  return best ? std::optional(best->second) : std::nullopt;
}

void KeyState::kill_deadlines(const Context& context) {
  std::erase_if(deadlines, [&](const LiveDeadline& d) { return context.covers(d.stamp.dot); });
}

bool is_kept(ValueType type, const std::string& value) {
  constexpr std::size_t kNumberBytesMax = 64;
  if (type == ValueType::kZset || type == ValueType::kOther) return true;
  if (type != ValueType::kString && type != ValueType::kHash) return false;
  return value.size() <= kNumberBytesMax && parse_float(value).has_value();
}

std::unique_ptr<KeyState> KeyEntry::opened() const {
  auto state = std::make_unique<KeyState>();
  if (one_.type == ValueType::kNone) return state;
  Live live{.stamp = one_.stamp, .kind = one_.kind, .creates = one_.creates};
  if (one_.value != nullptr) live.value = *one_.value;
  if (one_.kind == LiveKind::kIncrement) live.by = static_cast<std::int64_t>(one_.number);
  if (one_.has_deadline) state->deadlines.push_back({one_.stamp, one_.number});
  Element& element =
      state->body(one_.type).elements[one_.name == nullptr ? std::string() : *one_.name];
  element.base = one_.base;
  element.live.push_back(std::move(live));
  return state;
}

KeyState& KeyEntry::open() {
  if (full_ == nullptr) full_ = opened();
  one_ = {};
  return *full_;
}

void KeyEntry::close() {
  if (full_ == nullptr) return;
  if (full_->empty()) return full_.reset();
  if (full_->list != nullptr || full_->bodies.size() != 1 || full_->deadlines.size() > 1) return;
  Body& body = full_->bodies.front();
  if (body.elements.size() != 1 || body.elements.begin()->second.live.size() != 1) return;
  const auto& [name, element] = *body.elements.begin();
  const Live& live = element.live.front();
  const bool has_deadline = !full_->deadlines.empty();
  if (live.kind != LiveKind::kWrite && live.kind != LiveKind::kIncrement) return;
  if (element.base == BaseState::kKnown) return;
  if (has_deadline &&
      (live.kind != LiveKind::kWrite || full_->deadlines.front().stamp != live.stamp))
    return;
  one_ = {.stamp = live.stamp,
          .number = has_deadline ? full_->deadlines.front().deadline
                                 : static_cast<std::uint64_t>(live.by),
          .type = body.type,
          .kind = live.kind,
          .base = element.base,
          .creates = live.creates,
          .has_deadline = has_deadline};
  if (!name.empty()) one_.name = std::make_unique<const std::string>(name);
  if (live.value) one_.value = std::make_unique<const std::string>(*live.value);
  full_.reset();
}

std::uint64_t KeyEntry::weigh() const {
  constexpr std::uint64_t kPieceBytes = 100;
  std::uint64_t sum = kKeyBytes;
  if (full_ == nullptr) return sum;
  for (const Body& body : full_->bodies)
    for (const auto& [name, element] : body.elements)
      for (const Live& live : element.live)
        sum += kElementBytes + (live.value ? live.value->size() : 0);
  if (full_->list == nullptr) return sum;
  for (const Piece& piece : full_->list->pieces()) {
    sum += kPieceBytes;
    for (const auto& value : piece.values) sum += value.size();
  }
  return sum;
}

bool KeyEntry::note(const Op& op, const Stamp& stamp) {
  if (const auto* const write = std::get_if<WriteString>(&op.effect)) {
    if (full_ != nullptr && full_->list != nullptr) return false;
    full_.reset();  // it replaces whatever was there
    one_ = {};
    note_write(ValueType::kString, "", &write->value, stamp, op.creates);
    one_.number = write->deadline;
    return one_.has_deadline = true;
  }
  if (full_ != nullptr) return false;
  if (const auto* const by = std::get_if<Increment>(&op.effect)) {
    if (!empty()) return false;
    one_ = {.stamp = stamp,
            .number = static_cast<std::uint64_t>(by->by),
            .type = ValueType::kString,
            .kind = LiveKind::kIncrement,
            .base = op.creates ? BaseState::kNone : BaseState::kStable,
            .creates = op.creates};
    return true;
  }
  if (const auto* const add = std::get_if<AddMembers>(&op.effect))
    return add->members.size() == 1 &&
           note_write(ValueType::kSet, add->members.front(), nullptr, stamp, op.creates);
  if (const auto* const write = std::get_if<WriteFields>(&op.effect))
    return write->fields.size() == 1 && note_write(ValueType::kHash, write->fields.front().name,
                                                   &write->fields.front().value, stamp, op.creates);
  if (const auto* const write = std::get_if<WriteScores>(&op.effect)) {
    if (write->scores.size() != 1) return false;
    const std::string score = score_bytes(write->scores.front().score);
    return note_write(ValueType::kZset, write->scores.front().member, &score, stamp, op.creates);
  }
  return false;
}

// Over nothing, or over the same element.
bool KeyEntry::note_write(ValueType type, const std::string& name, const std::string* value,
                          const Stamp& stamp, bool creates) {
  const std::string_view now = one_.name == nullptr ? std::string_view() : *one_.name;
  if (!empty() && (one_.type != type || now != name || one_.has_deadline)) return false;
  if (now != name) one_.name = std::make_unique<const std::string>(name);
  one_.value.reset();
  if (value != nullptr && is_kept(type, *value))
    one_.value = std::make_unique<const std::string>(*value);
  one_.stamp = stamp;
  one_.number = 0;
  one_.type = type;
  one_.kind = LiveKind::kWrite;
  one_.base = BaseState::kNone;
  one_.creates = creates;
  return true;
}

}  // namespace sluice::crdt
