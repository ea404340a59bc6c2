// Commands on streams that run inside ones of ours.
#pragma once

#include "module/replaced.h"

namespace sluice::module {

int replaced_xadd(Ctx* ctx, String** argv, int argc);
int replaced_xtrim(Ctx* ctx, String** argv, int argc);

}  // namespace sluice::module
