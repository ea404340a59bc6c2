#include "crdt/key_entry.h"

#include <algorithm>
#include <bit>
#include <new>

#include "crdt/number.h"
#include "crdt/wire.h"

namespace sluice::crdt {

std::pair<bool, Stamp> Body::rank() const {
  std::pair<bool, Stamp> best;
  elements.for_each([&](const ElementEntry& element) {
    if (const auto created = element.greatest(true)) best = std::max(best, {true, *created});
    if (const auto any = element.greatest(false)) best = std::max(best, {false, *any});
  });
  return best;
}

Body* KeyState::find(ValueType type) {
  const auto found = std::ranges::find(bodies, type, &Body::type);
  return found == bodies.end() ? nullptr : &*found;
}

Body& KeyState::body(ValueType type) {
  if (Body* const found = find(type)) return *found;
  return bodies.emplace_back(Body{.type = type});
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

void KeyState::weigh() {
  hidden_bytes = 0;
  if (list == nullptr || bodies.empty()) return;  // a list that is shown keeps no values
  for (const Piece& piece : list->pieces())
    for (const auto& value : piece.values) hidden_bytes += value.size();
}

std::uint64_t KeyState::list_bytes() const {
  constexpr std::uint64_t kPieceBytes = 100;
  return list->pieces().size() * kPieceBytes;
}

namespace {

// Whether it may be the beginning of a number at all.
bool may_be_number(std::string_view value) {
  constexpr std::size_t kNumberBytesMax = 64;
  if (value.empty() || value.size() > kNumberBytesMax) return false;
  const char first = value[0];
  const bool is_digit = first >= '0' && first <= '9';
  return is_digit || first == '-' || first == '+' || first == '.' || (first | 0x20) == 'i' ||
         (first | 0x20) == 'n';  // inf, nan
}

}  // namespace

bool is_kept(ValueType type, std::string_view value) {
  if (type == ValueType::kZset || type == ValueType::kOther) return true;
  if (type != ValueType::kString && type != ValueType::kHash) return false;
  return may_be_number(value) && parse_float(value).has_value();
}

// --- the short form ------------------------------------------------------------------------------

KeyEntry::KeyEntry(const KeyView& key)
    : db_(key.db), name_bytes_(static_cast<std::uint32_t>(key.name.size())) {
  put_text(reinterpret_cast<char*>(this + 1), key.name);
}

KeyEntry::~KeyEntry() {
  clear();
}

KeyEntry* KeyEntry::make(const KeyView& key, PieceMemory& memory) {
  return new (memory.take(sizeof(KeyEntry) + key.name.size())) KeyEntry(key);
}

void KeyEntry::destroy(KeyEntry& entry, PieceMemory& memory) {
  const std::size_t bytes = sizeof entry + entry.name_bytes_;
  entry.~KeyEntry();
  memory.give(&entry, bytes);
}

KeyView KeyEntry::key() const {
  return {db_, {reinterpret_cast<const char*>(this + 1), name_bytes_}};
}

void KeyEntry::clear() {
  if (is_long_) {
    delete std::exchange(long_, nullptr);
    is_long_ = false;
    text_ = nullptr;
  } else if (text_ != nullptr) {
    ::operator delete(std::exchange(text_, nullptr));
  }
  type_ = ValueType::kNone;
  has_value_ = has_deadline_ = false;
}

Stamp KeyEntry::stamp() const {
  return {hlc_, {{region_, incarnation_}, seq_}};
}

void KeyEntry::set_stamp(const Stamp& stamp) {
  hlc_ = stamp.hlc;
  region_ = stamp.dot.actor.region;
  incarnation_ = stamp.dot.actor.incarnation;
  seq_ = stamp.dot.seq;
}

std::string_view KeyEntry::name() const {
  if (text_ == nullptr) return {};
  return {reinterpret_cast<const char*>(text_ + 1), text_->name_bytes};
}

std::optional<std::string> KeyEntry::value() const {
  if (type_ == ValueType::kZset) return score_bytes(std::bit_cast<double>(number_));
  if (!has_value_ || kind_ == LiveKind::kIncrement) return std::nullopt;
  return std::string(name().data() + text_->name_bytes, text_->value_bytes);
}

void KeyEntry::set_text(std::string_view name, std::optional<std::string_view> value) {
  has_value_ = value.has_value();
  const std::size_t bytes = name.size() + (value ? value->size() : 0);
  if (bytes == 0 && !has_value_) return ::operator delete(std::exchange(text_, nullptr));
  const bool fits = text_ != nullptr && text_->name_bytes + text_->value_bytes == bytes;
  if (!fits) {
    ::operator delete(std::exchange(text_, nullptr));
    text_ = new (::operator new(sizeof(Text) + bytes)) Text();
  }
  text_->name_bytes = static_cast<std::uint32_t>(name.size());
  text_->value_bytes = static_cast<std::uint32_t>(bytes - name.size());
  char* const at = reinterpret_cast<char*>(text_ + 1);
  std::ranges::copy(name, at);
  if (value) std::ranges::copy(*value, at + name.size());
}

std::span<const KeyEntry::Increment> KeyEntry::more_increments() const {
  if (kind_ != LiveKind::kIncrement || text_ == nullptr) return {};
  return {reinterpret_cast<const Increment*>(text_ + 1), text_->value_bytes / sizeof(Increment)};
}

bool KeyEntry::is_write_of(const OneWrite& one) const {
  return !is_long_ && kind_ == LiveKind::kWrite && type_ == type_of(one.kind) && name() == one.name;
}

bool KeyEntry::takes_element(const OneWrite& one, const Context& context) const {
  if (!is_long_) return is_write_of(one) && context.covers(newest_stamp().dot);
  const auto type = type_of(one.kind);
  if (type == ValueType::kString || long_->list != nullptr || !long_->deadlines.empty() ||
      long_->bodies.size() != 1 || long_->bodies.front().type != type)
    return false;
  const ElementEntry* const element = long_->bodies.front().elements.find(one.name);
  return element == nullptr || element->covered_by(context);
}

Stamp KeyEntry::newest_stamp() const {
  const auto more = more_increments();
  return more.empty() ? stamp() : more.back().stamp;
}

std::uint64_t KeyEntry::text_bytes() const {
  if (const auto more = more_increments(); !more.empty())
    return sizeof(Text) + std::bit_ceil(more.size()) * sizeof(Increment);
  return sizeof(Text) + text_->name_bytes + text_->value_bytes;
}

std::uint64_t KeyEntry::ops() const {
  if (!is_long_) return type_ == ValueType::kNone ? 0 : 1 + more_increments().size();
  std::uint64_t count = long_->list == nullptr ? 0 : long_->list->pieces().size();
  for (const Body& body : long_->bodies)
    body.elements.for_each([&](const ElementEntry& element) { count += element.ops(); });
  return count;
}

// --- from one form to the other ------------------------------------------------------------------

std::unique_ptr<KeyState> KeyEntry::opened() const {
  auto state = std::make_unique<KeyState>();
  if (type_ == ValueType::kNone) return state;
  Live live{.stamp = stamp(), .kind = kind_, .creates = creates_, .value = value()};
  if (kind_ == LiveKind::kIncrement) live.by = static_cast<std::int64_t>(number_);
  if (has_deadline_) state->deadlines.push_back({stamp(), number_});
  state->body(type_).elements.change(name(), [&](Element& element) {
    element.base = base_;
    element.live.add(std::move(live));
    for (const Increment& more : more_increments())
      element.live.add({.stamp = more.stamp, .kind = kind_, .by = more.by});
  });
  return state;
}

KeyState& KeyEntry::open() {
  if (!is_long_) {
    KeyState* const state = opened().release();
    clear();
    is_long_ = true;
    long_ = state;
  }
  return *long_;
}

void KeyEntry::close() {
  if (!is_long_) return;
  if (long_->empty()) return clear();
  if (long_->list != nullptr || long_->bodies.size() != 1 || long_->deadlines.size() > 1) return;
  Body& body = long_->bodies.front();
  if (body.elements.size() != 1) return;
  const ElementEntry& element = body.elements.first();
  if (!element.is_short()) return close_increments();
  const Live live = element.live();
  const bool has_deadline = !long_->deadlines.empty();
  if (has_deadline && (live.kind != LiveKind::kWrite || body.type == ValueType::kZset ||
                       long_->deadlines.front().stamp != live.stamp))
    return;
  const std::unique_ptr<KeyState> state(std::exchange(long_, nullptr));
  is_long_ = false;
  text_ = nullptr;
  set_stamp(live.stamp);
  type_ = body.type;
  kind_ = live.kind;
  base_ = element.base();
  creates_ = live.creates;
  has_deadline_ = has_deadline;
  number_ = has_deadline ? state->deadlines.front().deadline : static_cast<std::uint64_t>(live.by);
  if (type_ == ValueType::kZset && kind_ == LiveKind::kWrite) {
    number_ = std::bit_cast<std::uint64_t>(score_of(*live.value));
    set_text(element.name(), std::nullopt);
  } else {
    set_text(element.name(),
             live.value ? std::optional<std::string_view>(*live.value) : std::nullopt);
  }
}

void KeyEntry::close_increments() {
  const Body& body = long_->bodies.front();
  body.elements.first().read([&](const Element& element) { close_increments(body, element); });
}

void KeyEntry::close_increments(const Body& body, const Element& element) {
  const auto is_later = [&](const Live& op) {
    return op.kind == LiveKind::kIncrement && (!op.creates || &op == &element.live.front());
  };
  if (body.type != ValueType::kString || element.base == BaseState::kKnown ||
      !long_->deadlines.empty() || element.live.size() > kIncrementsClosed ||
      !std::ranges::all_of(element.live, is_later))
    return;
  const std::unique_ptr<KeyState> state(std::exchange(long_, nullptr));
  const Live& first = element.live.front();
  is_long_ = false;
  text_ = nullptr;
  set_stamp(first.stamp);
  type_ = body.type;
  kind_ = first.kind;
  base_ = element.base;
  creates_ = first.creates;
  number_ = static_cast<std::uint64_t>(first.by);
  for (std::size_t at = 1; at < element.live.size(); ++at)
    add_increment({element.live[at].stamp, element.live[at].by});
}

// --- noting --------------------------------------------------------------------------------------

bool KeyEntry::note_string(const OneWrite& one, const Stamp& stamp) {
  if (is_long_ && long_->list != nullptr) return false;
  // It replaces whatever was there.
  const bool is_new = !is_long_ && type_ == ValueType::kNone;
  if (!is_new && (is_long_ || type_ != ValueType::kString || kind_ == LiveKind::kIncrement))
    clear();
  has_deadline_ = false;
  note_write(ValueType::kString, one, stamp);
  return has_deadline_ = true;
}

// Over nothing, or over the same element.
bool KeyEntry::note_write(ValueType type, const OneWrite& one, const Stamp& stamp) {
  const bool fits =
      !is_long_ && (empty() || (type_ == type && name() == one.name && !has_deadline_));
  if (!fits) return note_long(type, one, stamp);
  const bool keeps_value = type != ValueType::kZset && is_kept(type, one.value);
  if (keeps_value || has_value_ || name() != one.name)
    set_text(one.name, keeps_value ? std::optional(one.value) : std::nullopt);
  set_stamp(stamp);
  number_ = one.number;
  type_ = type;
  kind_ = LiveKind::kWrite;
  base_ = BaseState::kNone;
  creates_ = one.creates;
  return true;
}

bool KeyEntry::takes_increment(const Stamp& stamp) const {
  return !is_long_ && type_ == ValueType::kString && kind_ == LiveKind::kIncrement &&
         more_increments().size() + 1 < kIncrementsMax && stamp > newest_stamp();
}

bool KeyEntry::note_increment(const OneWrite& one, const Stamp& stamp) {
  if (empty()) {
    if (is_long_) clear();
    set_stamp(stamp);
    type_ = ValueType::kString;
    kind_ = LiveKind::kIncrement;
    base_ = one.creates ? BaseState::kNone : BaseState::kStable;
    creates_ = one.creates;
    number_ = one.number;
    return true;
  }
  if (one.creates || !takes_increment(stamp)) return note_long(ValueType::kString, one, stamp);
  add_increment({stamp, static_cast<std::int64_t>(one.number)});
  return true;
}

// The memory doubles whenever their number is a power of two, so that nothing says how large it is.
void KeyEntry::add_increment(const Increment& increment) {
  const auto before = more_increments();
  if (std::has_single_bit(before.size()) || before.empty()) {
    const std::size_t room = std::max<std::size_t>(1, 2 * before.size());
    Text* const text = new (::operator new(sizeof(Text) + room * sizeof increment)) Text{};
    std::ranges::copy(before, reinterpret_cast<Increment*>(text + 1));
    ::operator delete(std::exchange(text_, text));
  }
  new (reinterpret_cast<Increment*>(text_ + 1) + before.size()) Increment(increment);
  text_->value_bytes = static_cast<std::uint32_t>((before.size() + 1) * sizeof increment);
}

// As note_op(), where nothing but this type's elements is to be thought of.
bool KeyEntry::note_long(ValueType type, const OneWrite& one, const Stamp& stamp) {
  KeyState& state = open();
  if (state.list != nullptr || state.bodies.size() > 1 || one.kind == OneKind::kString)
    return false;
  Body& body = state.body(type);
  if (state.bodies.size() > 1) return false;
  if (one.creates) state.deadlines.clear();
  if (one.kind == OneKind::kIncrement) {
    body.elements.change(one.name, [&](Element& element) {
      element.add({.stamp = stamp,
                   .kind = LiveKind::kIncrement,
                   .creates = one.creates,
                   .by = static_cast<std::int64_t>(one.number)});
    });
  } else if (type == ValueType::kZset) {
    body.elements.write(one.name, stamp, one.creates,
                        score_bytes(std::bit_cast<double>(one.number)));
  } else {
    const bool keeps = is_kept(type, one.value);
    body.elements.write(one.name, stamp, one.creates,
                        keeps ? std::optional(one.value) : std::nullopt);
  }
  return true;
}

}  // namespace sluice::crdt
