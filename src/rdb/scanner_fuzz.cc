// An RDB from anywhere, fed whole and in pieces: the same summary or the same refusal.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/check.h"
#include "rdb/lzf.h"
#include "rdb/scanner.h"

namespace sluice::rdb {
namespace {

struct Seen {
  std::string error;
  std::uint64_t bytes = 0;
  std::uint64_t keys = 0;
  std::map<std::uint32_t, KeyCount> dbs;
  std::map<std::string, std::string> aux;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen scan(std::string_view rdb, std::size_t step) {
  Scanner scanner;
  for (std::size_t at = 0; at < rdb.size(); at += step) {
    const std::string piece(rdb.substr(at, step));
    const auto fed = scanner.feed(piece);
    if (!fed) return {.error = fed.error().detail, .keys = scanner.keys(), .dbs = {}, .aux = {}};
  }
  const auto summary = scanner.finish();
  if (!summary) {
    return {.error = summary.error().detail, .keys = scanner.keys(), .dbs = {}, .aux = {}};
  }
  CHECK(summary->bytes == rdb.size());
  return {.error = "",
          .bytes = summary->bytes,
          .keys = summary->total.keys,
          .dbs = summary->dbs,
          .aux = summary->aux};
}

}  // namespace
}  // namespace sluice::rdb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view rdb{reinterpret_cast<const char*>(bytes), count};
  const auto whole = sluice::rdb::scan(rdb, count + 1);
  CHECK(sluice::rdb::scan(rdb, 1) == whole);
  CHECK(sluice::rdb::scan(rdb, 33) == whole);
  (void)sluice::rdb::lzf_unpack(rdb, count * 4).has_value();
  return 0;
}
