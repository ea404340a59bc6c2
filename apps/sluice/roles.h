// The sub-commands of `sluice`. Each is one file here that wires a role of src/ to the machine.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

using Arguments = std::vector<std::string>;  // what follows the sub-command

// Exit codes that scripts may rely on.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;  // the command line or the configuration is wrong

struct Role {
  std::string_view name;
  std::string_view summary;
  int (*run)(const Arguments& arguments);  // returns the exit code
};

// A new role: declare its run_<role> here, define it in <role>.cc, add its line.
int run_keeper(const Arguments& arguments);
int run_relay(const Arguments& arguments);
int run_delay(const Arguments& arguments);
int run_geo(const Arguments& arguments);
int run_log(const Arguments& arguments);
int run_lab(const Arguments& arguments);
int run_lab_wan(const Arguments& arguments);  // a part of lab, not a role
int run_case(const Arguments& arguments);
int run_reference(const Arguments& arguments);

inline constexpr std::array<Role, 8> kRoles{
    Role{"keeper", "a durable replication log in front of a Redis", run_keeper},
    Role{"relay", "carries connections between regions, over the hops that a route names",
         run_relay},
    Role{"delay", "measures how long writes take to each node of a replication chain", run_delay},
    Role{"geo", "joins regions that all take writes: link, status, verify, conflicts, join, detach",
         run_geo},
    Role{"log", "looks into a keeper's log: ls, verify, cat, export", run_log},
    Role{"lab", "runs a small system of real processes on this machine", run_lab},
    Role{"case", "plays a case with real servers and checks its outcome", run_case},
    Role{"reference", "prints every setting of the daemons, as Markdown", run_reference},
};

// "sluice 0.1.0 (v0.1.0-12-gabcdef)"
std::string version();

}  // namespace sluice
