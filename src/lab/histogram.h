// The lab's name for the histogram of durations.
#pragma once

#include "base/duration_histogram.h"

namespace sluice::lab {

using Histogram = base::DurationHistogram;

}  // namespace sluice::lab
