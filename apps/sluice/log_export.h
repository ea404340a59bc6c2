// `sluice log export`: an RDB of the data set as of an offset or a time.
#pragma once

#include <string>

namespace sluice {

struct LogExport {
  std::string dir;
  std::string at;  // an offset or RFC 3339; empty: as far as the log goes
  std::string out;
  std::string lineage;  // empty: the active one
  std::string redis_server = "redis-server";
  bool is_json = false;
};

// The exit code.
int run_log_export(const LogExport& options);

}  // namespace sluice
