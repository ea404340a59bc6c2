#include "rdb/writer.h"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "rdb/crc64.h"
#include "rdb/dialect.h"

namespace sluice::rdb {
namespace {

static_assert(std::endian::native == std::endian::little);

}  // namespace

Writer::Writer() : bytes_("REDIS0010") {}

void Writer::aux(std::string_view name, std::string_view value) {
  bytes_ += static_cast<char>(kAux);
  append_string(name);
  append_string(value);
}

void Writer::select(std::uint32_t db) {
  bytes_ += static_cast<char>(kSelectDb);
  append_length(db);
}

void Writer::set(std::string_view key, std::string_view value,
                 std::optional<std::uint64_t> expiry_ms) {
  if (expiry_ms) {
    bytes_ += static_cast<char>(kExpireMs);
    append_fixed(*expiry_ms);
  }
  bytes_ += '\0';
  append_string(key);
  append_string(value);
}

std::string Writer::finish() {
  bytes_ += static_cast<char>(kEof);
  append_fixed(crc64(0, bytes_));
  return std::move(bytes_);
}

void Writer::append_length(std::uint64_t length) {
  if (length < 64) {
    bytes_ += static_cast<char>(length);
    return;
  }
  if (length < 1U << 14U) {
    bytes_ += static_cast<char>(64U | length >> 8U);
    bytes_ += static_cast<char>(length & 255U);
    return;
  }
  bytes_ += '\x81';
  for (int shift = 56; shift >= 0; shift -= 8) bytes_ += static_cast<char>(length >> shift & 255U);
}

void Writer::append_string(std::string_view bytes) {
  append_length(bytes.size());
  bytes_ += bytes;
}

void Writer::append_fixed(std::uint64_t number) {
  std::array<char, sizeof number> bytes{};
  std::memcpy(bytes.data(), &number, sizeof number);
  bytes_.append(bytes.data(), bytes.size());
}

}  // namespace sluice::rdb
