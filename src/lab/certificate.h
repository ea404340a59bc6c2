// Certificates for the relays of a lab, from an authority of its own.
#pragma once

#include "lab/world.h"

namespace sluice::lab {

// Made by openssl in a folder of the world; relays show it as clients and as servers.
rt::Task<Result<Certificate>> make_certificate(World& world);

}  // namespace sluice::lab
