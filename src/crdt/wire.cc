#include "crdt/wire.h"

namespace sluice::crdt {

void Writer::long_number(std::uint64_t value) {
  char digits[10];
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7U) digits[size++] = static_cast<char>(value | 0x80);
  digits[size++] = static_cast<char>(value);
  bytes_.append(digits, size);
}

void Writer::signed_number(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  number((bits << 1U) ^ (value < 0 ? UINT64_MAX : 0));
}

void Writer::fixed(std::uint64_t value) {
  char bytes[8];
  for (unsigned at = 0; at < 8; ++at) bytes[at] = static_cast<char>(value >> (8 * at));
  bytes_.append(bytes, sizeof bytes);
}

void Writer::text(std::string_view value) {
  number(value.size());
  bytes_.append(value);
}

void Writer::actor(Actor value) {
  byte(value.region);
  number(value.incarnation);
}

void Writer::dot(const Dot& value) {
  actor(value.actor);
  number(value.seq);
}

void Writer::stamp(const Stamp& value) {
  fixed(value.hlc.bits);
  dot(value.dot);
}

std::uint8_t Reader::byte() {
  if (!ok()) return 0;
  if (at_ == bytes_.size()) {
    defect("ends too early");
    return 0;
  }
  return static_cast<std::uint8_t>(bytes_[at_++]);
}

std::uint64_t Reader::number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto next = byte();
    value |= static_cast<std::uint64_t>(next & 0x7FU) << shift;
    if ((next & 0x80U) == 0) {
      if (shift == 63 && next > 1) break;
      // One number, one encoding: a batch is recognised by its bytes.
      if (next == 0 && shift > 0) defect("has a number with idle bytes");
      return ok() ? value : 0;
    }
  }
  defect("has a number over 64 bits");
  return 0;
}

std::uint64_t Reader::number_up_to(std::uint64_t max, const char* what) {
  const auto value = number();
  if (value <= max) return value;
  defect(what);
  return 0;
}

std::int64_t Reader::signed_number() {
  const auto bits = number();
  return static_cast<std::int64_t>((bits >> 1U) ^ (0 - (bits & 1U)));
}

std::uint64_t Reader::fixed() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 8) value |= std::uint64_t{byte()} << shift;
  return ok() ? value : 0;
}

std::string_view Reader::text() {
  const auto size = count();
  if (!ok()) return {};
  const auto value = bytes_.substr(at_, size);
  at_ += size;
  return value;
}

Actor Reader::actor() {
  Actor value;
  value.region = byte();
  if (ok() && (value.region < 1 || value.region > kRegionIdMax))
    defect("names a region outside 1 to 16");
  value.incarnation =
      static_cast<std::uint32_t>(number_up_to(UINT32_MAX, "has an incarnation over 32 bits"));
  return value;
}

Dot Reader::dot() {
  const auto of = actor();
  return {of, number()};
}

Stamp Reader::stamp() {
  Stamp value;
  value.hlc.bits = fixed();
  value.dot.actor.region = byte();
  if (value.dot.actor.region > kRegionIdMax) defect("names a region above 16");
  value.dot.actor.incarnation =
      static_cast<std::uint32_t>(number_up_to(UINT32_MAX, "has an incarnation over 32 bits"));
  value.dot.seq = number();
  return value;
}

std::uint64_t Reader::count(std::size_t bytes_each) {
  const auto value = number();
  if (value <= (bytes_.size() - at_) / bytes_each) return value;
  defect("counts more than its bytes can hold");
  return 0;
}

void Reader::defect(const char* what) {
  if (!ok()) return;
  defect_ = what;
  defect_at_ = at_;
}

Result<void> Reader::check(const char* of_what) const {
  if (ok()) return {};
  return fail(Errc::kProtocol,
              std::string(of_what) + " " + defect_ + ", at byte " + std::to_string(defect_at_));
}

Result<void> Reader::finish(const char* of_what) {
  if (ok() && !at_end()) defect("goes on after its end");
  return check(of_what);
}

}  // namespace sluice::crdt
