// What lies beside a file of raw bytes: checksums of its blocks, so that the file itself is stream
// bytes that sendfile can hand to a replica.
//
//   segment   <start offset>.log    the stream as it came, byte for byte
//   index     <start offset>.idx    one entry per block, written after the block
//
//   0        4        8                16               24               32
//   +--------+--------+----------------+----------------+----------------+
//   | crc32c | length | stream offset  | wall ms   | db | known mark     |
//   +--------+--------+----------------+----------------+----------------+
//     |        |                         |           |    `- a mark at or before the block's end, the last
//     |        |                         |           |       one known when this was written
//     |        |                         |           `- 16 bits: selected at that mark
//     |        |                         `- 48 bits: when the block's last byte was received
//     |        `- 17 bits: bytes of the block, 1 .. kBlockBytesMax
//     |           15 bits: how far behind the block's offset the stream was known durable when this
//     |           was written, in units of kBehindUnit, rounded up; all ones: that far or farther
//     `- of the block's bytes and of the other 28 bytes of this entry
//
// Entries are 32 bytes so that none straddles a sector. The last entry is rewritten in place while
// its block grows, but never once a sync that covers it has begun: docs/design/log.md.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "repl/stream_scanner.h"
#include "replog/crc32c.h"

namespace sluice::replog {

inline constexpr std::uint32_t kBlockBytesMax = 64 * 1024;
inline constexpr std::uint64_t kEntryBytes = 32;
inline constexpr std::uint64_t kBehindUnit = 64 * 1024;
inline constexpr std::uint32_t kBehindUnknown = (1U << 15) - 1;
inline constexpr std::uint32_t kDatabaseMax = 0xffff;

struct BlockEntry {
  std::uint32_t crc32c = 0;
  std::uint32_t length = 0;
  std::uint32_t behind = kBehindUnknown;
  repl::Offset offset;
  std::int64_t wall_ms = 0;
  repl::Mark known_mark;

  repl::Offset end() const { return offset + length; }
  // The stream was durable up to here when the entry was written; nothing if `behind` is unknown.
  repl::Offset durable_claim() const;
  friend bool operator==(const BlockEntry&, const BlockEntry&) = default;
};

using EntryText = std::array<char, kEntryBytes>;

EntryText encode(const BlockEntry& entry);
BlockEntry decode(std::string_view text);  // of kEntryBytes; any bytes decode to something

// The checksum that `entry` must carry over a block whose bytes have gone into `of_bytes`.
std::uint32_t seal(const BlockEntry& entry, Crc32c of_bytes);
bool is_sound(const BlockEntry& entry, std::string_view bytes);

std::uint32_t behind(repl::Offset offset, repl::Offset durable);

}  // namespace sluice::replog
