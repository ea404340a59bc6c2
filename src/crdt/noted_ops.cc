#include "crdt/noted_ops.h"

#include <algorithm>
#include <utility>

#include "crdt/batch.h"

namespace sluice::crdt {
namespace {

std::size_t number_bytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 0x80; value >>= 7U) ++bytes;
  return bytes;
}

}  // namespace

void NotedOps::Room::grow(std::size_t by) {
  capacity = std::max(2 * capacity, size + by);
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  std::ranges::copy(view(), larger.get());
  bytes = std::move(larger);
}

NotedOps::Part& NotedOps::begin_part() {
  open_ = &parts_.emplace_back();
  open_->room = std::exchange(spare_, Room());
  return *open_;
}

// An op begins with its key: the number of its database + 1, then its size and bytes; or with 0, for the key of the
// op before.
void NotedOps::added(Part& part, const KeyView& key, std::size_t begin, std::uint64_t now_ms) {
  ++part.count;
  newest_ms_ = std::max(newest_ms_, now_ms);
  if (part.room.bytes[begin] == 0) return;
  part.db = key.db;
  part.key_bytes = key.name.size();
  const bool is_short = key.db < 0x7F && key.name.size() < 0x80;
  part.key_at =
      begin +
      (is_short ? 2 : number_bytes(std::uint64_t{key.db} + 1) + number_bytes(key.name.size()));
}

void NotedOps::add(const Op& op, std::uint64_t now_ms) {
  if (const auto one = one_write(op)) return add(*one, now_ms);
  const bool is_alone = std::holds_alternative<TakeOver>(op.effect);
  if (is_alone && !parts_.empty()) parts_.back().is_full = true;
  Part& part = next_part();
  part.is_full = is_alone;
  const std::size_t begin = part.room.size;
  Writer bytes;
  encode_op(op, part.repeats(op.key) ? std::optional<KeyView>(op.key) : std::nullopt, bytes);
  std::ranges::copy(bytes.bytes(), part.room.more(bytes.bytes().size()));
  part.room.size += bytes.bytes().size();
  added(part, op.key, begin, now_ms);
}

void NotedOps::add(const OneWrite& one, std::uint64_t now_ms) {
  Part& part = next_part();
  const std::size_t begin = part.room.size;
  char* const to = part.room.more(encoded_bytes_max(one));
  const char* const end = encode_one(one, part.repeats(one.key), to);
  part.room.size += static_cast<std::size_t>(end - to);
  added(part, one.key, begin, now_ms);
}

std::uint64_t NotedOps::size() const {
  std::uint64_t count = 0;
  for (const Part& part : parts_) count += part.count;
  return count;
}

std::string_view NotedOps::next_bytes() const {
  return parts_.empty() ? std::string_view() : parts_.front().room.view();
}

void NotedOps::pop_next() {
  constexpr std::size_t kSpareBytesMax = std::size_t{1} << 20U;
  if (parts_.empty()) return;
  if (parts_.front().room.capacity <= kSpareBytesMax) {
    spare_ = std::move(parts_.front().room);
    spare_.size = 0;
  }
  parts_.pop_front();
  if (!parts_.empty()) return;
  open_ = nullptr;
  newest_ms_ = 0;
}

void NotedOps::clear() {
  while (!parts_.empty()) pop_next();
}

std::vector<Op> NotedOps::ops() const {
  std::vector<Op> all;
  for (const Part& part : parts_) {
    Reader from(part.room.view());
    for (std::uint32_t at = 0; at < part.count; ++at) {
      const KeyName* const before = at == 0 ? nullptr : &all.back().key;
      all.push_back(decode_op(before, from));
    }
  }
  return all;
}

void NotedOps::save(Writer& into) const {
  into.number(newest_ms_);
  into.number(parts_.size());
  for (const Part& part : parts_) {
    into.number(part.count);
    into.text(part.room.view());
  }
}

void NotedOps::load(Reader& from) {
  clear();
  const auto newest_ms = from.number();
  for (auto left = from.count(2); left > 0 && from.ok(); --left) {
    const auto count = from.number();
    Reader ops(from.text());
    Op before;
    for (std::uint64_t at = 0; at < count && ops.ok(); ++at) {
      before = decode_op(at == 0 ? nullptr : &before.key, ops);
      add(before, newest_ms);
    }
    if (count == 0 || !ops.finish("").has_value()) from.defect("has noted ops that are none");
  }
}

}  // namespace sluice::crdt
