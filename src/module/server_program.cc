#include "module/server_program.h"

#include <algorithm>
#include <cstdint>
#include <link.h>
#include <span>

namespace sluice::module {
namespace {

int look_at_program(dl_phdr_info* program, std::size_t /*size*/, void* text) {
  const auto address = reinterpret_cast<std::uintptr_t>(text);
  const auto has = [&](const ElfW(Phdr) & segment) {
    const auto begin = program->dlpi_addr + segment.p_vaddr;
    return segment.p_type == PT_LOAD && (segment.p_flags & PF_W) == 0 && address >= begin &&
           address < begin + segment.p_memsz;
  };
  constexpr int kElsewhere = -1, kFound = 1;  // either ends the walk
  return std::ranges::any_of(std::span(program->dlpi_phdr, program->dlpi_phnum), has) ? kFound
                                                                                      : kElsewhere;
}

}  // namespace

bool is_constant_of_server(const char* text) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): it is only compared
  return dl_iterate_phdr(look_at_program, const_cast<char*>(text)) > 0;
}

}  // namespace sluice::module
