// All regions at once, for people: status, verify, conflicts, join, detach.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/url.h"
#include "geo/mesh_config.h"
#include "geo/region_state.h"
#include "redis/client.h"
#include "redis/info.h"
#include "rt/host.h"

namespace sluice::geo {

// A region's master that answers.
struct Member {
  std::string address;
  std::unique_ptr<redis::Client> client;
  RegionState state;
};

// What a command has to say; `is_well` decides the exit code.
struct Outcome {
  std::string text;
  bool is_well = true;
};

// kDisconnected, kTimedOut: it does not answer. kRejected: it is none. The detail names it.
rt::Task<Result<Member>> find_member(rt::Host& host, base::RedisUrl url,
                                     redis::ClientOptions options);
// kRejected if two are of one region.
Result<> check_unique(const std::vector<Member>& members);

// The error names the first one that does not answer, or that answers for a region named before.
rt::Task<Result<std::vector<Member>>> find_members(rt::Host& host,
                                                   const std::vector<base::RedisUrl>& urls,
                                                   redis::ClientOptions options);

// Reads GEO.VECTOR again.
rt::Task<Result<>> refresh(std::vector<Member>& members);

// What all of them have together.
crdt::VersionVector all_of(const std::vector<Member>& members);
// How many ops of `origin` exist that `vector` does not cover.
std::uint64_t lacks(const crdt::VersionVector& vector, const crdt::VersionVector& all,
                    crdt::RegionId origin);

// `invocation` outlives it.
rt::Task<Result<Outcome>> run_mesh(rt::Host& host, const MeshInvocation& invocation);

}  // namespace sluice::geo
