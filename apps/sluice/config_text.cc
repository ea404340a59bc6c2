#include "config_text.h"

#include <fstream>

namespace sluice {

Result<std::string> read_config_text(const std::string& path) {
  constexpr std::size_t kBytesMax = 1 << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::kNotFound, path + ": cannot be opened");
  std::string text(kBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail(Errc::kDiskFailed, path + ": cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kBytesMax) return fail(Errc::kRejected, path + ": is larger than a megabyte");
  return text;
}

}  // namespace sluice
