// BITFIELD, INCRBYFLOAT and HINCRBYFLOAT: what their events and the stream do not tell.
#pragma once

#include "module/replaced.h"

namespace sluice::module {

int replaced_incrbyfloat(Ctx* ctx, String** argv, int argc);
int replaced_hincrbyfloat(Ctx* ctx, String** argv, int argc);
int replaced_bitfield(Ctx* ctx, String** argv, int argc);

}  // namespace sluice::module
