// Whether all regions hold the same, at a moment when none lacks an op of another.
#pragma once

#include <vector>

#include "geo/mesh.h"

namespace sluice::geo {

// Digests are compared only where they were taken at equal vectors; where regions keep writing and no
// such moment comes within `settings.within`, it says who lags instead.
rt::Task<Result<Outcome>> verify(rt::Host& host, std::vector<Member>& members,
                                 const MeshSettings& settings);

}  // namespace sluice::geo
