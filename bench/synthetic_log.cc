#include "synthetic_log.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "pattern.h"
#include "repl/stream_scanner.h"
#include "replog/archive_file.h"
#include "replog/block_index.h"
#include "replog/file_names.h"
#include "replog/lineage_file.h"

namespace sluice::bench {
namespace {

constexpr std::uint64_t kSegmentBytes = 256ULL << 20;
constexpr std::uint64_t kBlocks = kSegmentBytes / replog::kBlockBytesMax;
constexpr std::int64_t kWallMs = 1'700'000'000'000;
static_assert(kSegmentBytes % kPatternBytes == 0);
static_assert(kPatternBytes % replog::kBlockBytesMax == 0);

// What is the same for a block of every segment, but for the segment's offset.
struct Block {
  replog::Crc32c bytes;
  std::uint64_t boundary = 0;  // from the segment's start
};

std::vector<Block> scan(std::string_view pattern) {
  std::vector<Block> blocks;
  repl::StreamScanner scanner{repl::Mark{}};
  for (std::uint64_t i = 0; i < kBlocks; ++i) {
    const auto at = i * replog::kBlockBytesMax % kPatternBytes;
    const auto bytes = pattern.substr(at, replog::kBlockBytesMax);
    CHECK(scanner.feed(bytes));
    Block block;
    block.bytes.extend(bytes);
    block.boundary = scanner.boundary().offset.bytes();
    blocks.push_back(block);
  }
  return blocks;
}

std::string index_of(const std::vector<Block>& blocks, std::uint64_t start) {
  std::string text;
  for (std::uint64_t i = 0; i < kBlocks; ++i) {
    replog::BlockEntry entry;
    entry.length = replog::kBlockBytesMax;
    entry.behind = 0;
    entry.offset = repl::Offset{start + i * replog::kBlockBytesMax};
    entry.wall_ms = kWallMs;
    entry.known_mark = {repl::Offset{start + blocks[i].boundary}, 0};
    entry.crc32c = replog::seal(entry, blocks[i].bytes);
    const auto encoded = replog::encode(entry);
    text.append(encoded.data(), encoded.size());
  }
  return text;
}

Result<> write_file(rt::Directory& folder, const std::string& name, std::string_view text) {
  TRY(const auto file, folder.open(name, rt::OpenMode::kCreateEmpty));
  return file->write_at(0, text);
}

Result<> write_segment(rt::Directory& folder, const std::string& pattern, repl::Offset start) {
  TRY(const auto file, folder.open(replog::segment_name(start), rt::OpenMode::kCreateEmpty));
  for (std::uint64_t at = 0; at < kSegmentBytes; at += kPatternBytes) {
    TRY_VOID(file->write_at(at, pattern));
  }
  return {};
}

Result<> write_metadata(rt::Directory& folder, rt::Directory& lineage, std::uint64_t end) {
  TRY(const auto replid, repl::ReplId::parse(kPumpReplid));
  replog::LineageFile file;
  file.durable = repl::Offset{end};
  file.origins = {{replid, repl::Offset{0}}};
  TRY_VOID(replog::save_lineage(lineage, file));
  replog::ArchiveFile archive;
  archive.keeper_id = std::string(40, 'c');
  archive.next_lineage = 2;
  archive.active = replog::lineage_name(1);
  return replog::save_archive(folder, archive);
}

}  // namespace

Result<std::uint64_t> make_synthetic_log(rt::Directory& folder, std::uint32_t segments) {
  const auto pattern = make_pattern("mixed");
  const auto blocks = scan(pattern);
  TRY(const auto lineage, folder.folder(replog::lineage_name(1)));
  TRY_VOID(write_segment(*lineage, pattern, repl::Offset{0}));
  const auto first = lineage->path() + "/" + replog::segment_name(repl::Offset{0});
  for (std::uint32_t i = 0; i < segments; ++i) {
    const repl::Offset start{i * kSegmentBytes};
    TRY_VOID(
        write_file(*lineage, replog::segment_index_name(start), index_of(blocks, start.bytes())));
    if (i == 0) continue;
    if (i == segments - 1) {
      TRY_VOID(write_segment(*lineage, pattern, start));  // the keeper may write to the last one
      continue;
    }
    std::error_code failed;
    const auto name = lineage->path() + "/" + replog::segment_name(start);
    std::filesystem::create_hard_link(first, name, failed);
    if (failed) return fail(Errc::kDiskFailed, "linking a segment: " + failed.message());
  }
  const auto end = segments * kSegmentBytes;
  TRY_VOID(write_metadata(folder, *lineage, end));
  return end;
}

}  // namespace sluice::bench
