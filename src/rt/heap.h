// What the process has in memory, and giving back what of the heap is free.
#pragma once

#include <cstdint>

namespace sluice::rt {

struct HeapFigures {
  std::uint64_t resident_bytes = 0;  // of the process, its program included
  std::uint64_t in_use_bytes = 0;    // of the heap
};

HeapFigures heap_figures();

// Blocks that were freed between others stay with the process until then. Takes about a millisecond for each
// ten megabytes.
void give_back_free_heap();

}  // namespace sluice::rt
