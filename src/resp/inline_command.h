// Splits a line that a person typed into arguments, by the quoting rules of Redis.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::resp {

// As Redis's sdssplitargs: "double quotes" know \n \r \t \b \a \xHH and \" , 'single quotes' know
// \' ; a closing quote ends its argument. Nothing if quotes are unbalanced.
std::optional<std::vector<std::string>> split_inline(std::string_view line);

}  // namespace sluice::resp
