// Shows what our master says of itself as metrics: metadata, conflicts, members, what each peer lacks of ours.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "base/url.h"
#include "geo/target.h"
#include "redis/client.h"
#include "redis/info.h"
#include "rt/gate.h"
#include "rt/host.h"

namespace sluice::geo {

// Asks GEO.INFO once a second on a connection of its own, and again of whoever is master after a failover. While none
// answers sluice_geo_master_up is 0 and the rest stays as it was. Lives on one core.
class MasterWatch {
 public:
  // `host` and `metrics` outlive it.
  MasterWatch(rt::Host& host, std::vector<base::RedisUrl> to, redis::ClientOptions options,
              base::Metrics& metrics, base::Log log);

  rt::Task<void> run();  // until stop()
  void stop();

  void show(const redis::Info& info);

 private:
  rt::Task<Result<>> session();
  rt::Task<Result<redis::Info>> ask();
  void set(const char* name, const char* help, double value, base::MetricLabels labels = {});

  rt::Host& host_;
  const std::vector<base::RedisUrl> to_;
  const redis::ClientOptions options_;
  base::Metrics& metrics_;
  base::Log log_;
  std::map<std::pair<std::string, base::MetricLabels>, base::Gauge> gauges_;
  Target* target_ = nullptr;  // while there is one; owned by session()
  rt::Gate gate_;
};

}  // namespace sluice::geo
