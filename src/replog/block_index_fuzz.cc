// An index and a segment of any bytes: walks end, searches end, and what is served fits its entry.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "base/check.h"
#include "replog/block_file.h"

namespace sluice::replog {
namespace {

// A file that is only read.
class Bytes final : public rt::File {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

  Result<std::size_t> read_at(std::uint64_t at, std::span<char> into) const override {
    if (at >= bytes_.size()) return std::size_t{0};
    const auto part = bytes_.substr(static_cast<std::size_t>(at), into.size());
    std::copy(part.begin(), part.end(), into.begin());
    return part.size();
  }
  Result<> write_at(std::uint64_t, std::string_view) override { return {}; }
  Result<> sync() override { return {}; }
  Result<> truncate(std::uint64_t) override { return {}; }
  Result<std::uint64_t> size() const override { return bytes_.size(); }
  bool is_cached(std::uint64_t, std::size_t) const override { return true; }
  int descriptor() const override { return -1; }

 private:
  std::string_view bytes_;
};

void read(std::string_view index, std::string_view segment) {
  const repl::Offset start{1000};
  const BlockFile file{std::make_unique<Bytes>(segment), std::make_unique<Bytes>(index), start,
                       "fuzzed"};
  const auto entries = *file.entries_on_disk();
  for (std::uint64_t first = 0; first < std::min<std::uint64_t>(entries, 4); ++first) {
    BlockWalk walk(file, first, entries);
    auto block = walk.next();
    for (; block && *block; block = walk.next()) {
      const auto& [entry, bytes] = **block;
      CHECK(bytes.size() == entry.length);
      CHECK(bytes == segment.substr(static_cast<std::size_t>(entry.offset - start), bytes.size()));
    }
  }
  const repl::Offset to = start + segment.size();
  const Checked checked = check_blocks(file, entries, start, to);
  CHECK(checked.damage || checked.sound_to >= to);
}

}  // namespace
}  // namespace sluice::replog

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  if (count < 1) return 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view text{reinterpret_cast<const char*>(bytes) + 1, count - 1};
  const auto index_bytes =
      std::min<std::size_t>(text.size(), bytes[0] * sluice::replog::kEntryBytes);
  sluice::replog::read(text.substr(0, index_bytes), text.substr(index_bytes));
  return 0;
}
