#include "tunnel/renewal.h"

#include <algorithm>

namespace sluice::tunnel {

void Renewal::renewed(Time age, Time now) {
  pause_ = age < kSoon ? std::min(2 * pause_, kPauseMax) : kPauseMin;
  due_ = now + pause_;
}

}  // namespace sluice::tunnel
