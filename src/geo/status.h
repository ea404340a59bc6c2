// What `sluice geo status` shows: every region's master, how far each is behind which, and what needs somebody.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "geo/mesh.h"

namespace sluice::geo {

// What a region lacks of an origin.
struct Backlog {
  std::uint64_t ops = 0;
  std::optional<std::uint64_t>
      ms;  // since the first of them was made; nothing: its origin does not say
};

// A master that was named, and what was learnt of it.
struct Seat {
  std::string address;
  std::string why;  // it does not answer
  crdt::RegionId region = 0;
  std::string name;
  std::uint32_t incarnation = 0;
  crdt::VersionVector vector;
  std::vector<StoredPosition> positions;
  redis::Info info;
  std::map<crdt::RegionId, Backlog> lacks;  // by origin; of all that are known of

  bool answers() const { return why.empty(); }
};

// One line each, the most urgent first; none if nobody has to do anything.
std::vector<std::string> alerts_of(const std::vector<Seat>& seats);

std::string status_text(const std::vector<Seat>& seats);
std::string status_json(const std::vector<Seat>& seats);

// Also if some do not answer: then it is not well.
rt::Task<Result<Outcome>> status(rt::Host& host, const MeshInvocation& invocation,
                                 redis::ClientOptions options);

}  // namespace sluice::geo
