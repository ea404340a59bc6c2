// The entry of sluice-geo.so, by the module ABI: the only symbol that the server sees.
#include <fstream>
#include <string>

#include "module/load.h"

namespace {

using sluice::Errc;
using sluice::Result;

constexpr std::size_t kReadBytes = std::size_t{1} << 20U;

// While the server starts: nobody waits for its event loop.
Result<void> read_file(const std::string& path, const sluice::module::TakeBytes& take) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return sluice::fail(Errc::kNotFound, path + " cannot be opened");
  std::string bytes(kReadBytes, '\0');
  while (file) {
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    TRY(const bool wants_more, take({bytes.data(), static_cast<std::size_t>(file.gcount())}));
    if (!wants_more) return {};
  }
  if (!file.eof()) return sluice::fail(Errc::kDiskFailed, path + " cannot be read");
  return {};
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int RedisModule_OnLoad(RedisModuleCtx* ctx,
                                                                         RedisModuleString** argv,
                                                                         int argc) {
  return sluice::module::load(ctx, argv, argc, read_file);
}
