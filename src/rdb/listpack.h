// Reads listpacks, in which Redis keeps small values (listpack.c; the format: listpack.md of antirez/listpack).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::rdb {

// The elements in their order, numbers as text. kProtocol if they are not as many, or not as long, as the bytes say.
Result<std::vector<std::string>> listpack_elements(std::string_view bytes);

}  // namespace sluice::rdb
