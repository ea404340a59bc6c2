// Appends to a block file: which bytes go into which block, and writing them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replog/block_file.h"

namespace sluice::replog {

// An open block is closed this long after its first byte, so that time can be sought to this grain.
inline constexpr std::int64_t kBlockAgeMsMax = 200;

// The end of a block file that is being written.
struct Tail {
  repl::Offset end;
  std::uint64_t entries = 0;
  std::int64_t wall_ms = 0;  // of the last entry; never goes backwards

  // The last block, while it may still grow.
  struct Open {
    BlockEntry entry;
    Crc32c of_bytes;
    std::int64_t began_ms = 0;
  };
  std::optional<Open> open;

  // What is written from now on starts a new block, so that the last entry stays as it is.
  void seal() { open.reset(); }
};

// A part of an append that lies within one block.
struct Piece {
  std::size_t count = 0;
  bool starts_block = false;
  repl::Mark known_mark;  // at or before its end; the caller knows it
};

std::vector<Piece> split(const Tail& tail, std::size_t count, std::int64_t wall_ms);

struct Append {
  std::string_view bytes;
  std::span<const Piece> pieces;  // of all of `bytes`
  std::int64_t wall_ms = 0;
  repl::Offset durable;
};

// An append that is worked out, piece by piece, and not yet written.
struct Draft {
  Tail tail;  // as it will be
  std::uint64_t first_entry = 0;
  std::string entries;
};

// The checksums are all the work of it: where the bytes have just been touched, it is half as much.
Draft begin_draft(const Tail& tail, std::span<const Piece> pieces);
void add(Draft& draft, const Piece& piece, std::string_view bytes, std::int64_t wall_ms,
         repl::Offset durable);

// Blocking: writes all the bytes of `draft`, then their entries. Failed: `file` is put back to where
// `tail` says, and if not even that succeeds the failure is kDiskFailed.
Result<> write(BlockFile& file, const Tail& tail, const Draft& draft, std::string_view bytes);

// Both at once.
Result<Tail> append(BlockFile& file, const Tail& tail, const Append& what);

// Cuts off all that lies past `tail`.
Result<> truncate(BlockFile& file, const Tail& tail);

}  // namespace sluice::replog
