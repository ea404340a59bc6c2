// GEO.INFO: the module's state as text in sections, in the manner of INFO.
#pragma once

#include <string>

#include "module/node.h"

namespace sluice::module {

std::string info_text(Node& node);

}  // namespace sluice::module
