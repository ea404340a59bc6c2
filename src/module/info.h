// GEO.INFO: the module's state as text in sections, in the manner of INFO.
#pragma once

#include <string>

#include "module/node.h"

namespace sluice::module {

// kQuick leaves out what takes a look at every unstable key: for whoever asks every second.
enum class InfoDetail : bool { kQuick, kAll };

std::string info_text(Node& node, InfoDetail detail);

}  // namespace sluice::module
