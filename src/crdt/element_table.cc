#include "crdt/element_table.h"

#include <algorithm>
#include <new>

#include "base/check.h"
#include "crdt/name_hash.h"
#include "crdt/wire.h"

namespace sluice::crdt {

// --- one element ---------------------------------------------------------------------------------

ElementEntry::ElementEntry(std::string_view name)
    : name_bytes_(static_cast<std::uint32_t>(name.size())) {
  put_text(reinterpret_cast<char*>(this + 1), name);
}

ElementEntry::~ElementEntry() {
  clear();
}

ElementEntry* ElementEntry::make(std::string_view name) {
  return new (::operator new(sizeof(ElementEntry) + name.size())) ElementEntry(name);
}

void ElementEntry::destroy(ElementEntry* entry) {
  entry->~ElementEntry();
  ::operator delete(entry);
}

std::string_view ElementEntry::name() const {
  return {reinterpret_cast<const char*>(this + 1), name_bytes_};
}

void ElementEntry::clear() {
  if (is_long_) {
    delete long_;
  } else if (value_bytes_ != kNoValue && value_bytes_ > kInPlaceMax) {
    ::operator delete(value_);
  }
  by_ = 0;
  value_bytes_ = kNoValue;
  is_long_ = has_op_ = is_increment_ = creates_ = false;
  base_ = BaseState::kStable;
}

Stamp ElementEntry::stamp() const {
  return {hlc_, {{region_, incarnation_}, seq_}};
}

std::optional<std::string_view> ElementEntry::value() const {
  if (value_bytes_ == kNoValue) return std::nullopt;
  return std::string_view(value_bytes_ > kInPlaceMax ? value_ : in_place_, value_bytes_);
}

void ElementEntry::set_value(std::optional<std::string_view> value) {
  if (!value) return;
  value_bytes_ = static_cast<std::uint32_t>(value->size());
  char* to = in_place_;
  if (value_bytes_ > kInPlaceMax) to = value_ = static_cast<char*>(::operator new(value_bytes_));
  put_text(to, *value);
}

Live ElementEntry::live() const {
  Live live{.stamp = stamp(), .creates = creates_};
  if (is_increment_) {
    live.kind = LiveKind::kIncrement;
    live.by = by_;
  } else if (const auto kept = value()) {
    live.value = std::string(*kept);
  }
  return live;
}

Element ElementEntry::opened() const {
  Element element;
  element.base = base_;
  if (has_op_) element.live.add(live());
  return element;
}

Element& ElementEntry::open() {
  if (!is_long_) {
    auto* const element = new Element(opened());
    clear();
    is_long_ = true;
    long_ = element;
  }
  return *long_;
}

void ElementEntry::close() {
  if (!is_long_) return;
  if (long_->empty()) return clear();
  if (long_->live.size() != 1 || long_->base == BaseState::kKnown) return;
  const Live& op = long_->live.front();
  const bool is_increment = op.kind == LiveKind::kIncrement;
  if (op.kind != LiveKind::kWrite && !is_increment) return;
  const std::unique_ptr<Element> element(long_);
  is_long_ = false;
  by_ = 0;
  base_ = element->base;
  hlc_ = op.stamp.hlc;
  region_ = op.stamp.dot.actor.region;
  incarnation_ = op.stamp.dot.actor.incarnation;
  seq_ = op.stamp.dot.seq;
  creates_ = op.creates;
  is_increment_ = is_increment;
  has_op_ = true;
  if (is_increment) {
    by_ = op.by;
  } else {
    set_value(op.value ? std::optional<std::string_view>(*op.value) : std::nullopt);
  }
}

bool ElementEntry::covered_by(const Context& context) const {
  if (is_long_) return long_->covered_by(context);
  return !has_op_ || context.covers({{region_, incarnation_}, seq_});
}

std::optional<Stamp> ElementEntry::greatest(bool creating) const {
  if (is_long_) return long_->greatest(creating);
  return has_op_ && (creates_ || !creating) ? std::optional(stamp()) : std::nullopt;
}

std::optional<Live> ElementEntry::winner() const {
  if (is_long_) {
    const Live* const winner = long_->winner();
    return winner == nullptr ? std::nullopt : std::optional(*winner);
  }
  return has_op_ && !is_increment_ ? std::optional(live()) : std::nullopt;
}

void ElementEntry::write(const Stamp& stamp, bool creates, std::optional<std::string_view> value) {
  clear();
  hlc_ = stamp.hlc;
  region_ = stamp.dot.actor.region;
  incarnation_ = stamp.dot.actor.incarnation;
  seq_ = stamp.dot.seq;
  has_op_ = true;
  creates_ = creates;
  base_ = BaseState::kNone;
  set_value(value);
}

bool ElementEntry::kill(const Context& context) {
  if (is_long_) {
    long_->kill(context);
    close();
  } else if (covered_by(context)) {
    clear();
  } else {
    base_ = BaseState::kNone;
  }
  return empty();
}

// A single op is forgotten or stays as it is.
bool ElementEntry::prune(const VersionVector& forgotten, Arithmetic arithmetic) {
  if (!is_long_) return !has_op_ || forgotten.covers({{region_, incarnation_}, seq_});
  if (long_->prune(forgotten, arithmetic)) return true;
  close();
  return false;
}

std::uint64_t ElementEntry::long_bytes() const {
  return long_->bytes();
}

// --- all of them ---------------------------------------------------------------------------------

namespace {

constexpr unsigned kAddressBits = 48;
constexpr std::uint64_t kAddress = (std::uint64_t{1} << kAddressBits) - 1;
constexpr std::size_t kSlotsMin = 4;

std::uint64_t tag_of(std::uint64_t hash) {
  return hash << kAddressBits;
}

}  // namespace

ElementTable::ElementTable(ElementTable&& other) noexcept
    : slots_(std::exchange(other.slots_, {})),
      used_(std::exchange(other.used_, 0)),
      entry_bytes_(std::exchange(other.entry_bytes_, 0)) {}

ElementTable& ElementTable::operator=(ElementTable&& other) noexcept {
  std::swap(slots_, other.slots_);
  std::swap(used_, other.used_);
  std::swap(entry_bytes_, other.entry_bytes_);
  return *this;
}

ElementEntry* ElementTable::entry_of(Slot slot) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast,performance-no-int-to-ptr)
  return reinterpret_cast<ElementEntry*>(slot & kAddress);
}

std::size_t ElementTable::home(Slot slot) const {
  constexpr std::size_t kTags = std::size_t{1} << 16U;
  const auto mask = slots_.size() - 1;
  if (slots_.size() <= kTags) return slot >> kAddressBits & mask;
  return name_hash(entry_of(slot)->name(), 0) & mask;
}

std::size_t ElementTable::place_of(std::string_view name, std::uint64_t hash) const {
  const auto mask = slots_.size() - 1;
  auto at = hash & mask;
  while (slots_[at] != 0 &&
         ((slots_[at] & ~kAddress) != tag_of(hash) || entry_of(slots_[at])->name() != name))
    at = (at + 1) & mask;
  return at;
}

const ElementEntry* ElementTable::find(std::string_view name) const {
  if (slots_.empty()) return nullptr;
  const Slot slot = slots_[place_of(name, name_hash(name, 0))];
  return slot == 0 ? nullptr : entry_of(slot);
}

const ElementEntry& ElementTable::first() const {
  return *entry_of(*std::ranges::find_if(slots_, [](Slot slot) { return slot != 0; }));
}

ElementEntry& ElementTable::make(std::string_view name) {
  const auto hash = name_hash(name, 0);
  if (slots_.empty()) slots_.resize(kSlotsMin);
  const auto place = place_of(name, hash);
  if (slots_[place] != 0) return *entry_of(slots_[place]);
  ElementEntry* const entry = ElementEntry::make(name);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const auto address = reinterpret_cast<std::uintptr_t>(entry);
  CHECK((address & ~kAddress) == 0);
  if ((used_ + 1) * 5 <= slots_.size() * 4) {
    slots_[place] = tag_of(hash) | address;
  } else {
    resize(slots_.size() * 2);
    put(tag_of(hash) | address);
  }
  ++used_;
  entry_bytes_ += entry->bytes();
  return *entry;
}

void ElementTable::put(Slot slot) {
  const auto mask = slots_.size() - 1;
  auto at = home(slot);
  while (slots_[at] != 0) at = (at + 1) & mask;
  slots_[at] = slot;
}

void ElementTable::resize(std::size_t slots) {
  const auto before = std::exchange(slots_, std::vector<Slot>(slots));
  for (const Slot slot : before)
    if (slot != 0) put(slot);
}

void ElementTable::close_gaps(std::size_t left) {
  used_ = left;
  if (left == 0) {
    slots_ = {};
    return;
  }
  std::size_t slots = slots_.size();
  while (slots > kSlotsMin && left * 8 < slots) slots /= 2;
  resize(slots);
}

void ElementTable::write(std::string_view name, const Stamp& stamp, bool creates,
                         std::optional<std::string_view> value) {
  ElementEntry& entry = make(name);
  const auto before = entry.bytes();
  entry.write(stamp, creates, value);
  entry_bytes_ = entry_bytes_ + entry.bytes() - before;
}

void ElementTable::erase(std::string_view name) {
  if (slots_.empty()) return;
  const auto mask = slots_.size() - 1;
  auto at = place_of(name, name_hash(name, 0));
  if (slots_[at] == 0) return;
  ElementEntry* const entry = entry_of(slots_[at]);
  entry_bytes_ -= entry->bytes();
  ElementEntry::destroy(entry);
  // Whoever stands behind the gap and may stand in it moves up.
  for (auto next = (at + 1) & mask; slots_[next] != 0; next = (next + 1) & mask) {
    const auto from_home = (next - home(slots_[next])) & mask;
    if (from_home < ((next - at) & mask)) continue;
    slots_[at] = slots_[next];
    at = next;
  }
  slots_[at] = 0;
  --used_;
  if (used_ == 0 || used_ * 8 < slots_.size()) close_gaps(used_);
}

void ElementTable::clear() {
  for (const Slot slot : slots_)
    if (slot != 0) ElementEntry::destroy(entry_of(slot));
  slots_ = {};
  used_ = 0;
  entry_bytes_ = 0;
}

void ElementTable::close(ElementEntry& entry, std::uint64_t bytes_before) {
  entry.close();
  entry_bytes_ = entry_bytes_ + entry.bytes() - bytes_before;
  if (entry.empty()) erase(std::string(entry.name()));
}

}  // namespace sluice::crdt
