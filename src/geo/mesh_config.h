// What the commands that look at all regions are told: where the regions are, how to get in.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "geo/config_load.h"

namespace sluice::geo {

struct MeshSettings {
  std::vector<std::string> regions;  // URLs of the regions' masters
  bool json = false;
  Milliseconds within = std::chrono::seconds(30);
  std::uint32_t count = 10;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  bool tls_verify = true;
};

inline constexpr std::tuple kMeshFields{
    base::Field{
        .name = "regions",
        .member = &MeshSettings::regions,
        .doc = "The regions' masters; those on the command line come after them. A user of theirs "
               "needs GEO.VECTOR, GEO.INFO, GEO.AGE, GEO.CONFLICTS, GEO.JOIN and GEO.DETACH, and "
               "for verify "
               "GEO.DIGEST and to read every key.",
        .is_secret = true,
    },
    base::Field{
        .name = "json",
        .member = &MeshSettings::json,
        .doc = "Prints one JSON object instead of text.",
    },
    base::Field{
        .name = "within",
        .member = &MeshSettings::within,
        .doc = "verify: how long regions may take until none lacks anything of another.",
        .min = Milliseconds(100),
    },
    base::Field{
        .name = "count",
        .member = &MeshSettings::count,
        .doc = "conflicts, verify: how many are shown.",
        .min = 1U,
    },
    base::Field{
        .name = "tls_ca",
        .member = &MeshSettings::tls_ca,
        .doc = "For rediss:// URLs: PEM file of the authorities that certificates must come from; "
               "the system's if absent.",
    },
    base::Field{
        .name = "tls_cert",
        .member = &MeshSettings::tls_cert,
        .doc = "PEM file of the certificate that is shown to masters.",
    },
    base::Field{
        .name = "tls_key",
        .member = &MeshSettings::tls_key,
        .doc = "PEM file of that certificate's key.",
    },
    base::Field{
        .name = "tls_verify",
        .member = &MeshSettings::tls_verify,
        .doc = "Whether certificates of masters and their names are verified.",
    },
};

struct MeshInvocation {
  bool wants_help = false;
  std::string command;    // "status", ...
  crdt::RegionId id = 0;  // of join and detach
  std::vector<base::RedisUrl> urls;
  MeshSettings settings;
};

// `arguments` begin with the command.
Result<MeshInvocation> read_mesh_invocation(std::span<const std::string> arguments,
                                            const ReadFile& read_file);
std::string mesh_help();
std::string mesh_reference();

}  // namespace sluice::geo
