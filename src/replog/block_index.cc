#include "replog/block_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice::replog {
namespace {

static_assert(std::endian::native == std::endian::little, "entries are written as they lie");

constexpr std::uint32_t kLengthBits = 17;
constexpr std::uint32_t kWallBits = 48;
constexpr std::size_t kCrcBytes = 4;

template <typename T>
void put(EntryText& text, std::size_t at, T value) {
  std::memcpy(text.data() + at, &value, sizeof value);
}

template <typename T>
T take(std::string_view text, std::size_t at) {
  T value;
  std::memcpy(&value, text.data() + at, sizeof value);
  return value;
}

}  // namespace

repl::Offset BlockEntry::durable_claim() const {
  const std::uint64_t distance = behind * kBehindUnit;
  if (behind == kBehindUnknown || distance > offset.bytes()) return {};
  return repl::Offset{offset.bytes() - distance};
}

EntryText encode(const BlockEntry& entry) {
  const auto wall = static_cast<std::uint64_t>(std::max<std::int64_t>(entry.wall_ms, 0));
  EntryText text;
  put(text, 0, entry.crc32c);
  put(text, 4, entry.length | entry.behind << kLengthBits);
  put(text, 8, entry.offset.bytes());
  put(text, 16,
      (wall & ((1ULL << kWallBits) - 1)) |
          static_cast<std::uint64_t>(entry.known_mark.db & kDatabaseMax) << kWallBits);
  put(text, 24, entry.known_mark.offset.bytes());
  return text;
}

BlockEntry decode(std::string_view text) {
  CHECK(text.size() == kEntryBytes);
  const auto sizes = take<std::uint32_t>(text, 4);
  const auto times = take<std::uint64_t>(text, 16);
  BlockEntry entry;
  entry.crc32c = take<std::uint32_t>(text, 0);
  entry.length = sizes & ((1U << kLengthBits) - 1);
  entry.behind = sizes >> kLengthBits;
  entry.offset = repl::Offset{take<std::uint64_t>(text, 8)};
  entry.wall_ms = static_cast<std::int64_t>(times & ((1ULL << kWallBits) - 1));
  entry.known_mark.db = static_cast<std::uint32_t>(times >> kWallBits);
  entry.known_mark.offset = repl::Offset{take<std::uint64_t>(text, 24)};
  return entry;
}

std::uint32_t seal(const BlockEntry& entry, Crc32c of_bytes) {
  const EntryText text = encode(entry);
  of_bytes.extend(std::string_view(text.data(), text.size()).substr(kCrcBytes));
  return of_bytes.value();
}

bool is_sound(const BlockEntry& entry, std::string_view bytes) {
  if (bytes.size() != entry.length) return false;
  Crc32c crc;
  crc.extend(bytes);
  return seal(entry, crc) == entry.crc32c;
}

std::uint32_t behind(repl::Offset offset, repl::Offset durable) {
  const std::uint64_t units = (offset - std::min(durable, offset) + kBehindUnit - 1) / kBehindUnit;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(units, kBehindUnknown));
}

}  // namespace sluice::replog
