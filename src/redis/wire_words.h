// Words of Redis's protocol that our own code does not use.
#pragma once

#include <string_view>

namespace sluice::redis {

// How ROLE, INFO and CLIENT KILL TYPE call a replica.
inline constexpr std::string_view kReplicaWord = "slave";

}  // namespace sluice::redis
