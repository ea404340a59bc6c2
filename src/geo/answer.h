// What a region's master says to a batch, as the link understands it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crdt/dot.h"
#include "resp/reply.h"

namespace sluice::geo {

// One enumerator per reaction; docs/protocol/geo.md says what the words mean.
enum class Verdict : std::uint8_t {
  kApplied,
  kDuplicate,
  kGap,       // an earlier batch of this actor is missing
  kWait,      // what its maker had seen is missing
  kBehind,    // its region has to rejoin by snapshot
  kAhead,     // its clock
  kDetached,  // its region
  kRejoin,    // the target's region was told to leave: it needs a snapshot
  kMerging,   // the target takes a snapshot, and nothing else meanwhile
  kNoMaster,  // the target is a replica now: look for the master
  kRefused    // anything else: not a batch, out of memory, no permission, still loading
};
inline constexpr std::size_t kVerdicts = 11;

std::string_view name_of(Verdict verdict);

// Of kMerging: whoever has a link to a peer may begin again.
inline constexpr std::string_view kNobodyMerges = "nobody";

struct Answer {
  Verdict verdict = Verdict::kRefused;
  crdt::Dot dot;            // of kGap and kWait: what is missing; of kRejoin: by what op
  std::string text;         // the target's words, of all but the first two
  std::string source = {};  // of kMerging: who brings the snapshot
};

Answer parse_answer(const resp::Reply& reply);

}  // namespace sluice::geo
