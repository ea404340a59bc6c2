// What a node says of its replication: how far it is, and what it can give to those behind it.
#pragma once

#include <string>

#include "delay/resync_forecast.h"
#include "redis/info.h"
#include "resp/reply.h"

namespace sluice::delay {

struct NodeFacts {
  std::string replid;
  std::uint64_t offset = 0;  // behind the last byte it has
  bool is_keeper = false;
  bool has_link = true;  // a master, or a replica whose link is up
  Window window;
};

// What a keeper is told to keep; of CONFIG GET.
struct KeeperRetention {
  std::uint64_t bytes = 0;
  std::optional<rt::Duration> age;
};

// Empty where the settings are missing or not understood.
std::optional<KeeperRetention> retention_of(const resp::Reply& config_get);

// From INFO's sections replication and keeper. Without `retention` a keeper is taken to keep what it
// holds now and no more.
NodeFacts facts_of(const redis::Info& info, const std::optional<KeeperRetention>& retention);

}  // namespace sluice::delay
