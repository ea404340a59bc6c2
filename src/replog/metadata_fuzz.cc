// lineage.json and archive.json with any body: refused, or understood and written back the same.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/check.h"
#include "replog/archive_file.h"
#include "replog/lineage_file.h"

namespace sluice::replog {
namespace {

void read_body(const nlohmann::json& body) {
  if (const auto lineage = lineage_from_json(body)) {
    const auto again = lineage_from_json(to_json(*lineage));
    CHECK(again && to_json(*again) == to_json(*lineage));
  }
  if (const auto archive = archive_from_json(body)) {
    const auto again = archive_from_json(to_json(*archive));
    CHECK(again && to_json(*again) == to_json(*archive));
  }
}

}  // namespace
}  // namespace sluice::replog

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view text{reinterpret_cast<const char*>(bytes), count};
  [[maybe_unused]] const auto framed = sluice::replog::open_metadata(text);
  const auto body = nlohmann::json::parse(text, nullptr, false);
  if (body.is_object()) sluice::replog::read_body(body);
  return 0;
}
