#include "replog/block_file.h"

#include <algorithm>
#include <span>

namespace sluice::replog {
namespace {

constexpr std::uint64_t kEntriesAhead = 64;
constexpr std::size_t kBytesAhead = 96 * 1024;
constexpr std::uint64_t kFileBytesMax = 1ULL << 60;  // farther than any file system goes

}  // namespace

Result<BlockEntry> BlockFile::entry(std::uint64_t number) const {
  EntryText text{};
  TRY(const auto count, index->read_at(number * kEntryBytes, text));
  if (count < text.size()) return tl::unexpected(damage(start, "its index is cut short"));
  return decode({text.data(), text.size()});
}

Result<std::uint64_t> BlockFile::entries_on_disk() const {
  TRY(const auto size, index->size());
  return size / kEntryBytes;
}

Result<std::uint64_t> BlockFile::find(repl::Offset at, std::uint64_t entries) const {
  std::uint64_t low = 0;
  std::uint64_t high = entries;  // the first entry past `at` is in (low, high]
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    TRY(const auto probe, entry(middle));
    const bool is_there = probe.length > 0 && probe.offset >= start;
    (is_there && probe.offset <= at ? low : high) = middle;
  }
  if (entries == 0) return tl::unexpected(damage(at, "no block holds it"));
  TRY(const auto found, entry(low));
  if (found.offset > at || found.end() <= at) {
    return tl::unexpected(damage(at, "the index names no block that holds it"));
  }
  return low;
}

Error BlockFile::damage(repl::Offset at, std::string_view what) const {
  return {Errc::kCorrupt,
          path + " at offset " + std::to_string(at.bytes()) + ": " + std::string(what)};
}

Result<BlockFile> open_block_file(rt::Directory& directory, const BlockFileNames& names,
                                  repl::Offset start, rt::OpenMode mode) {
  BlockFile file;
  TRY(file.bytes, directory.open(names.bytes, mode));
  TRY(file.index, directory.open(names.index, mode));
  file.start = start;
  file.path = directory.path() + "/" + names.bytes;
  return file;
}

BlockWalk::BlockWalk(const BlockFile& file, std::uint64_t first, std::uint64_t end)
    : file_(file), next_(first), end_(end) {
  if (first == 0) expected_ = file.start;
}

Result<std::optional<BlockWalk::Block>> BlockWalk::next() {
  if (next_ >= end_) return std::nullopt;
  auto block = checked_block();
  if (!block) {
    end_ = next_;
    return tl::unexpected(std::move(block).error());
  }
  ++next_;
  expected_ = block->entry.end();
  return *block;
}

Result<BlockWalk::Block> BlockWalk::checked_block() {
  TRY_VOID(fetch_entries());
  const auto at = static_cast<std::size_t>((next_ - entries_from_) * kEntryBytes);
  Block block{.entry = decode(std::string_view(entries_).substr(at, kEntryBytes)), .bytes = {}};
  const BlockEntry& entry = block.entry;
  const repl::Offset place = expected_.value_or(entry.offset);
  if (entry.offset != place || entry.offset < file_.start) {
    return tl::unexpected(file_.damage(place, "the index goes on elsewhere"));
  }
  if (entry.length == 0 || entry.length > kBlockBytesMax ||
      entry.offset - file_.start > kFileBytesMax) {
    return tl::unexpected(file_.damage(place, "the index names an impossible block"));
  }
  TRY(block.bytes, fetch(entry));
  if (block.bytes.size() < entry.length) {
    return tl::unexpected(file_.damage(place, "the file ends within the block"));
  }
  if (!is_sound(entry, block.bytes)) {
    return tl::unexpected(file_.damage(place, "the checksum of the block differs"));
  }
  return block;
}

Result<> BlockWalk::fetch_entries() {
  const std::uint64_t held = entries_.size() / kEntryBytes;
  if (next_ >= entries_from_ && next_ < entries_from_ + held) return {};
  const std::uint64_t wanted = std::min(kEntriesAhead, end_ - next_);
  entries_.resize(static_cast<std::size_t>(wanted * kEntryBytes));
  entries_from_ = next_;
  TRY(const auto count, file_.index->read_at(next_ * kEntryBytes, entries_));
  entries_.resize(count - count % kEntryBytes);
  if (!entries_.empty()) return {};
  return tl::unexpected(file_.damage(expected_.value_or(file_.start), "its index is cut short"));
}

Result<std::string_view> BlockWalk::fetch(const BlockEntry& entry) {
  const std::uint64_t from = entry.offset - file_.start;
  const bool held = from >= buffer_from_ && from + entry.length <= buffer_from_ + buffer_.size();
  if (!held) {
    buffer_.resize(kBytesAhead);
    buffer_from_ = from;
    TRY(const auto count, file_.bytes->read_at(from, buffer_));
    buffer_.resize(count);
  }
  return std::string_view(buffer_).substr(static_cast<std::size_t>(from - buffer_from_),
                                          entry.length);
}

Checked check_blocks(const BlockFile& file, std::uint64_t entries, repl::Offset from,
                     repl::Offset to) {
  Checked checked{.sound_to = from, .damage = {}};
  const auto first = file.find(from, entries);
  if (!first) return {from, first.error()};
  BlockWalk walk(file, *first, entries);
  while (checked.sound_to < to) {
    const auto block = walk.next();
    if (!block) return {checked.sound_to, block.error()};
    if (!*block) return {checked.sound_to, file.damage(checked.sound_to, "the index ends here")};
    checked.sound_to = (*block)->entry.end();
  }
  return checked;
}

}  // namespace sluice::replog
