// Who left the mesh, by whose word, and who is on the way back.
#pragma once

#include <cstdint>
#include <vector>

#include "crdt/version_vector.h"

namespace sluice::crdt {

//             Leave(B)                       everybody who stays has promised the Leave,
//   member ------------> leaving ------------------------------------------> gone: nobody waits for it
//      ^                    |  of B's ops only those are taken that           |
//      |                    |  somebody who stays has already                 | it is heard of: Return(B)
//      |                    v                                                 v
//      `------------------------------- an op of B that had seen them all - returning: all wait for it again
//
// What B makes without having seen its Leaves and a Return nobody takes, so that all who stay part at the same op of B. It
// learns of its Leave in their streams, takes the snapshot of one of them, and makes anew what it had
// written meanwhile. Since everybody waits from its Return on, nobody has forgotten what that snapshot does not have.
struct Departure {
  std::vector<Dot> leaves =
      {};  // the ops by which it left; none: it is a member, or nobody we know
  // Since these ops everybody waits for it. It stops at them, as at its Leave, until it has the snapshot: whose ops have
  // seen one is back.
  std::vector<Dot> returns = {};
  // Of any region: its ops which others have who stay, by batches that wait for them.
  VersionVector wanted = {};
  std::uint32_t back =
      0;  // the incarnation in which it came back; what earlier ones still tell is void

  bool has_left() const { return !leaves.empty(); }
  bool is_returning() const { return !returns.empty(); }
  bool is_by_own_word(RegionId leaver) const;  // nobody told it to leave
  bool is_over_by(const VersionVector& seen) const;
};

}  // namespace sluice::crdt
