// Integers and strings as bytes: the alphabet of batches and of saved state.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crdt/dot.h"

namespace sluice::crdt {

// Copies a short text without calling anybody; the end of the copy.
inline char* put_text(char* to, std::string_view text) {
  const char* const from = text.data();
  const std::size_t size = text.size();
  if (size > 32) {
    std::memcpy(to, from, size);
  } else if (size >= 16) {
    std::memcpy(to, from, 16);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else {
    for (std::size_t at = 0; at < size; ++at) to[at] = from[at];
  }
  return to + size;
}

// LEB128 varints; signed ones zigzag; a string is its length and its bytes.
class Writer {
 public:
  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void number(std::uint64_t value) {
    if (value < 0x80) return byte(static_cast<std::uint8_t>(value));
    long_number(value);
  }
  void signed_number(std::int64_t value);
  void fixed(std::uint64_t value);  // 8 bytes, little-endian
  void text(std::string_view value);
  void actor(Actor value);
  void dot(const Dot& value);
  void stamp(const Stamp& value);
  void raw(std::string_view bytes) { bytes_.append(bytes); }

  const std::string& bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }
  void clear() { bytes_.clear(); }

 private:
  void long_number(std::uint64_t value);

  std::string bytes_;
};

// Reads what a Writer wrote. The first defect sticks: what is read after it is zero or empty, so that a
// caller may check once at the end, but must check a count before it reserves by it (see count()).
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::uint8_t byte();
  std::uint64_t number();
  std::uint64_t number_up_to(std::uint64_t max, const char* what);
  std::int64_t signed_number();
  std::uint64_t fixed();
  std::string_view text();
  Actor actor();
  Dot dot();
  Stamp stamp();  // of region 0: nobody's
  // How many things follow that take at least `bytes_each`: never more than the bytes that are left.
  std::uint64_t count(std::size_t bytes_each = 1);

  void defect(const char* what);  // keeps the first
  bool ok() const { return defect_ == nullptr; }
  bool at_end() const { return at_ == bytes_.size(); }
  std::size_t at() const { return at_; }
  // kProtocol with the first defect and its byte, or if bytes are left.
  Result<void> finish(const char* of_what);
  Result<void> check(const char* of_what) const;

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  const char* defect_ = nullptr;
  std::size_t defect_at_ = 0;
};

}  // namespace sluice::crdt
