#include "replog/block_writer.h"

#include <algorithm>
#include <string>

namespace sluice::replog {
namespace {

bool may_grow(const Tail& tail, std::int64_t wall_ms) {
  if (!tail.open || tail.open->entry.length >= kBlockBytesMax) return false;
  const std::int64_t age = wall_ms - tail.open->began_ms;
  return age >= 0 && age < kBlockAgeMsMax;
}

// The tail as it is once `piece` has been added.
void grow(Tail& tail, const Piece& piece, std::string_view bytes, std::int64_t wall_ms,
          repl::Offset durable) {
  if (piece.starts_block) {
    tail.open = Tail::Open{.entry = {}, .of_bytes = {}, .began_ms = wall_ms};
    tail.open->entry.offset = tail.end;
    tail.open->entry.behind = behind(tail.end, durable);
    ++tail.entries;
  }
  BlockEntry& entry = tail.open->entry;
  tail.open->of_bytes.extend(bytes);
  tail.wall_ms = std::max(tail.wall_ms, wall_ms);
  entry.length += static_cast<std::uint32_t>(bytes.size());
  entry.wall_ms = tail.wall_ms;
  entry.known_mark = piece.known_mark;
  entry.crc32c = seal(entry, tail.open->of_bytes);
  tail.end = tail.end + bytes.size();
}

Result<> write_entries(BlockFile& file, std::uint64_t first, std::string_view entries) {
  return file.index->write_at(first * kEntryBytes, entries);
}

Result<> put_back(BlockFile& file, const Tail& tail) {
  TRY_VOID(truncate(file, tail));
  if (!tail.open) return {};
  const EntryText text = encode(tail.open->entry);
  return write_entries(file, tail.entries - 1, {text.data(), text.size()});
}

}  // namespace

std::vector<Piece> split(const Tail& tail, std::size_t count, std::int64_t wall_ms) {
  std::vector<Piece> pieces;
  if (count > 0 && may_grow(tail, wall_ms)) {
    const std::size_t room = kBlockBytesMax - tail.open->entry.length;
    pieces.push_back({.count = std::min(room, count), .starts_block = false, .known_mark = {}});
    count -= pieces.back().count;
  }
  while (count > 0) {
    const std::size_t part = std::min<std::size_t>(kBlockBytesMax, count);
    pieces.push_back({.count = part, .starts_block = true, .known_mark = {}});
    count -= part;
  }
  return pieces;
}

Draft begin_draft(const Tail& tail, std::span<const Piece> pieces) {
  const bool extends = !pieces.empty() && !pieces.front().starts_block;
  return {.tail = tail, .first_entry = tail.entries - (extends ? 1 : 0), .entries = {}};
}

void add(Draft& draft, const Piece& piece, std::string_view bytes, std::int64_t wall_ms,
         repl::Offset durable) {
  grow(draft.tail, piece, bytes, wall_ms, durable);
  const EntryText text = encode(draft.tail.open->entry);
  draft.entries.append(text.data(), text.size());
}

Result<> write(BlockFile& file, const Tail& tail, const Draft& draft, std::string_view bytes) {
  CHECK(draft.tail.end == tail.end + bytes.size());
  auto written = file.bytes->write_at(tail.end - file.start, bytes);
  if (written) written = write_entries(file, draft.first_entry, draft.entries);
  if (written) return {};
  if (!put_back(file, tail)) written.error().code = Errc::kDiskFailed;
  return written;
}

Result<Tail> append(BlockFile& file, const Tail& tail, const Append& what) {
  Draft draft = begin_draft(tail, what.pieces);
  std::size_t at = 0;
  for (const Piece& piece : what.pieces) {
    add(draft, piece, what.bytes.substr(at, piece.count), what.wall_ms, what.durable);
    at += piece.count;
  }
  TRY_VOID(write(file, tail, draft, what.bytes));
  return draft.tail;
}

Result<> truncate(BlockFile& file, const Tail& tail) {
  TRY_VOID(file.bytes->truncate(tail.end - file.start));
  return file.index->truncate(tail.entries * kEntryBytes);
}

}  // namespace sluice::replog
