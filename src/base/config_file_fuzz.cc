#include <cstdint>

#include "base/check.h"
#include "base/config_file.h"
#include "base/config_sample.h"

// Any text is read or refused in one line, and what was taken is written back the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  namespace base = sluice::base;
  const std::string_view text(reinterpret_cast<const char*>(bytes), count);
  const auto file = base::parse_config_file(text, "f.toml", "shard");
  if (!file) {
    CHECK(file.error().detail.find('\n') == std::string::npos);
    return 0;
  }
  base::Sample sample;
  base::Settings settings(sample, base::kSampleFields);
  for (const auto& given : file->top.assignments) (void)settings.assign(given);
  const auto written = base::to_toml(settings);
  const auto again = base::parse_config_file(written, "f.toml", "");
  CHECK(again);
  base::Sample copy;
  base::Settings copies(copy, base::kSampleFields);
  for (const auto& given : again->top.assignments) CHECK(copies.assign(given));
  CHECK(base::to_toml(copies) == written);
  return 0;
}
