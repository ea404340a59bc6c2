// The rules by definition: all ops kept for ever, and the value computed from those that nobody replaced.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "crdt/batch.h"
#include "crdt/model_redis_test.h"

namespace sluice::crdt {

class History {
 public:
  // A batch, once; those of one actor in order.
  void add(std::string_view bytes);
  // What a region holds that has applied what `vector` covers.
  ModelRedis projection(const VersionVector& vector) const;

  struct Entry {
    Op op;
    Stamp stamp;
    VersionVector seen;
    bool saw(const Entry& other) const;
  };

 private:
  struct Restamp {
    Dot by, of;
    Hlc hlc;
  };
  void add(const TakeOver& taken, const Dot& by, const VersionVector& seen);

  std::vector<Entry> ops_;
  std::vector<Restamp> restamps_;
  std::map<Actor, VersionVector> contexts_;
  VersionVector known_;
};

}  // namespace sluice::crdt
