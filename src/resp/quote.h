// Arguments as MONITOR and redis-cli print them: "quoted", with \xHH for what is not printable.
#pragma once

#include <string>
#include <string_view>

namespace sluice::resp {

// As Redis's sdscatrepr, which split_inline() reads back.
std::string quote(std::string_view bytes);

}  // namespace sluice::resp
