// A lineage opened as a Log that is only read, beside the keeper that may be writing it.
#pragma once

#include <memory>
#include <string_view>

#include "replog/log.h"
#include "rt/host.h"

namespace sluice::replog {

// As it was when it was opened: what the keeper appends later is not seen. Blocks. `lineage` is a
// name of `sluice log ls`, the active one if empty. Never append to it. kNotFound: no such archive
// or lineage.
Result<std::shared_ptr<Log>> open_to_read(rt::Host& host, std::string_view path,
                                          std::string_view lineage);

}  // namespace sluice::replog
