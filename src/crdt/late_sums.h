// Sums of floats that the live ops say, and the native elements do not yet.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "crdt/key_entry.h"
#include "crdt/keyspace.h"
#include "crdt/op.h"

namespace sluice::crdt {

// Floats are summed in the order of stamps, so an increment that comes late makes the whole sum anew. Two regions that
// had counted while they were cut off stood still for that: of many increments that come together all are noted first,
// and what they make is shown once, before anybody looks.
class LateSums {
 public:
  static constexpr std::size_t kElementsMax = 10'000;  // then they are shown at once

  bool empty() const { return count_ == 0; }
  bool is_full() const { return count_ >= kElementsMax; }
  bool has(const KeyName& key, ValueType type, std::string_view name) const;
  // Whether there are some of this key that are to be shown before the op is merged.
  bool is_before(const Op& op) const;
  void add(const KeyName& key, ValueType type, const std::string& name);

  struct OfKey {
    ValueType type = ValueType::kNone;
    std::set<std::string, std::less<>> names = {};
  };
  OfKey take(const KeyName& key);  // none: no names
  std::map<KeyName, OfKey> take_all();

 private:
  std::map<KeyName, OfKey> keys_;
  std::size_t count_ = 0;  // of elements
};

void show_sums(const KeyName& key, const LateSums::OfKey& sums, KeyState& entry,
               Keyspace& keyspace);

}  // namespace sluice::crdt
