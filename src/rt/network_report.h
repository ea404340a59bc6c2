// Logs and counts what happens to a core's network beside the calls of its roles.
#pragma once

#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "rt/host.h"

namespace sluice::rt {

// Counts failed handshakes and certificates that were taken or refused as sluice_<role>_tls_...,
// and logs one record of a kind per ten seconds. `metrics` outlives the loop's run.
void report_network(Host& host, base::Metrics& metrics, const base::Log& log,
                    const std::string& role);

}  // namespace sluice::rt
