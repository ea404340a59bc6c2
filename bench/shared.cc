#include "shared.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wire.h"

namespace sluice::bench {

void* map_file(const std::string& path, std::size_t bytes, bool make) {
  const Fd fd(open(path.c_str(), O_RDWR | O_CLOEXEC | (make ? O_CREAT | O_TRUNC : 0), 0600));
  if (!fd) die(path);
  if (make && ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) die(path);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) die(path);
  return memory;
}

}  // namespace sluice::bench
