#include "rt/heap.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <malloc.h>
#include <string_view>
#include <unistd.h>

#include "rt/descriptor.h"

namespace sluice::rt {

namespace {

// The second number of statm, proc(5): resident pages.
std::uint64_t resident_pages() {
  const UniqueFd fd(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  std::array<char, 128> text{};
  const auto got = fd.is_open() ? ::read(fd.get(), text.data(), text.size()) : 0;
  if (got <= 0) return 0;
  const std::string_view all(text.data(), static_cast<std::size_t>(got));
  const auto from = std::min(all.find(' ') + 1, all.size());
  std::uint64_t pages = 0;
  (void)std::from_chars(all.data() + from, all.data() + all.size(), pages);
  return pages;
}

}  // namespace

HeapFigures heap_figures() {
  const auto heap = ::mallinfo2();
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return {.resident_bytes = resident_pages() * page, .in_use_bytes = heap.uordblks + heap.hblkhd};
}

void give_back_free_heap() {
  (void)::malloc_trim(0);
}

}  // namespace sluice::rt
