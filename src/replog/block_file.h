// A file of raw bytes with the index of its blocks beside it: a segment of a stream, or a snapshot.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "replog/block_index.h"
#include "rt/file.h"

namespace sluice::replog {

// Blocking. Reading is safe beside an append, as long as only entries that are no longer rewritten
// are read.
struct BlockFile {
  std::unique_ptr<rt::File> bytes;
  std::unique_ptr<rt::File> index;
  repl::Offset start;  // of the first byte: its place in the stream, 0 in a snapshot
  std::string path;    // of `bytes`, for people

  Result<BlockEntry> entry(std::uint64_t number) const;
  // Complete entries that the index has room for, sound or not.
  Result<std::uint64_t> entries_on_disk() const;
  // The number of the block that holds `at`, among the first `entries`. kCorrupt if none does. Behind
  // it there may be entries of which a power cut left nothing but zeros.
  Result<std::uint64_t> find(repl::Offset at, std::uint64_t entries) const;
  // An error that names the file and the place.
  Error damage(repl::Offset at, std::string_view what) const;
};

struct BlockFileNames {
  std::string bytes;
  std::string index;
};

Result<BlockFile> open_block_file(rt::Directory& directory, const BlockFileNames& names,
                                  repl::Offset start, rt::OpenMode mode);

// Reads blocks in their order and checks each. Memory: O(1). `file` must outlive it.
class BlockWalk {
 public:
  struct Block {
    BlockEntry entry;
    std::string_view bytes;  // valid until the next call of next()
  };

  // Of the blocks [first, end).
  BlockWalk(const BlockFile& file, std::uint64_t first, std::uint64_t end);

  // Nothing at the end. kCorrupt: this block's checksum or place is wrong; the walk is over.
  Result<std::optional<Block>> next();

 private:
  Result<Block> checked_block();
  Result<> fetch_entries();
  Result<std::string_view> fetch(const BlockEntry& entry);

  const BlockFile& file_;
  std::uint64_t next_;
  std::uint64_t end_;
  std::optional<repl::Offset> expected_;
  std::string entries_;  // read ahead, from entry entries_from_ on
  std::uint64_t entries_from_ = 0;
  std::string buffer_;  // read ahead, from place buffer_from_ of the file on
  std::uint64_t buffer_from_ = 0;
};

// How far a range is sound: `to` is reached, or `damage` says what lies there.
struct Checked {
  repl::Offset sound_to;
  std::optional<Error> damage;
};
Checked check_blocks(const BlockFile& file, std::uint64_t entries, repl::Offset from,
                     repl::Offset to);

}  // namespace sluice::replog
